import { describe, expect, it } from 'vitest';
import { nmapNetworks } from '../../../activities/adapters/networks/nmap.ts';
import { ScanRefused } from '../../../activities/ports/network.ts';

describe('a scan of a network', () => {
  it('is refused where the network is not connected to this machine, before anything is sent', async () => {
    await expect(nmapNetworks().scan({ cidr: '10.199.7.0/24', routed: false })).rejects.toThrow(ScanRefused);
    await expect(nmapNetworks().scan({ cidr: '10.199.7.0/24', routed: false })).rejects.toThrow(
      '10.199.7.0/24 is not connected to this machine',
    );
  });

  it.each(['10.0.0.0/8', 'example.com', '10.77.1.0/33', '10.77.1.0/24; reboot'])(
    'is refused for %s, which is no network of a site',
    async (cidr) => {
      await expect(nmapNetworks().scan({ cidr, routed: true })).rejects.toThrow(ScanRefused);
    },
  );

  it('finds what answers on a network that is connected', async () => {
    const sightings = await nmapNetworks().scan({ cidr: '127.0.0.2/32', routed: false });
    expect(sightings).toEqual([{ address: '127.0.0.2', macAddress: null }]);
  });
});
