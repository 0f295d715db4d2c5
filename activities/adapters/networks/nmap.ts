/** Looks at a directly connected network with nmap; hardware addresses come from the kernel's neighbour table. */
import { BlockList } from 'node:net';
import { z } from 'zod';
import { type NetworkPort, ScanRefused, type Sighting } from '../../ports/network.ts';
import { run } from '../command.ts';

/** A larger network takes too long and is more likely a mistake than a site. */
const smallestPrefix = 20;

const addressesSchema = z.array(
  z.object({ addr_info: z.array(z.object({ family: z.string(), local: z.string(), prefixlen: z.number() })) }),
);
const neighboursSchema = z.array(z.object({ dst: z.string(), lladdr: z.string().optional() }));

export function nmapNetworks(): NetworkPort {
  return {
    async scan({ cidr, routed }) {
      const network = parseCidr(cidr);
      const own = await ownAddresses();
      if (!routed && !own.some((address) => contains(address, network)))
        throw new ScanRefused(
          `${cidr} is not connected to this machine, so it is not scanned; write routed: true where the site's network is reached by a route`,
        );
      const stdout = await run(['nmap', '-sn', '-n', '-T4', '--max-retries', '1', '-oG', '-', cidr]);
      const macAddresses = await neighbours();
      const mine = new Set(own.map((address) => address.local));
      return [...stdout.matchAll(/^Host: (\d+\.\d+\.\d+\.\d+) .*Status: Up/gm)]
        .map(([, address = '']): Sighting => ({ address, macAddress: macAddresses.get(address) ?? null }))
        .filter((sighting) => !mine.has(sighting.address));
    },
  };
}

type Network = { readonly local: string; readonly prefixlen: number };

function parseCidr(cidr: string): Network {
  const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
  if (!match) throw new ScanRefused(`${cidr} is no IPv4 network; write it as 10.77.1.0/24`);
  const prefixlen = Number(match[2]);
  if (prefixlen < smallestPrefix || prefixlen > 32)
    throw new ScanRefused(`${cidr} is too large to scan; write networks of /${smallestPrefix} or smaller`);
  return { local: match[1] ?? '', prefixlen };
}

function contains(address: Network, network: Network): boolean {
  if (network.prefixlen < address.prefixlen) return false;
  const list = new BlockList();
  list.addSubnet(address.local, address.prefixlen, 'ipv4');
  return list.check(network.local, 'ipv4');
}

async function ownAddresses(): Promise<Network[]> {
  const stdout = await run(['ip', '-json', '-4', 'address', 'show', 'up']);
  const interfaces = addressesSchema.parse(JSON.parse(stdout));
  return interfaces.flatMap((one) => one.addr_info).filter((address) => address.family === 'inet');
}

async function neighbours(): Promise<Map<string, string>> {
  const stdout = await run(['ip', '-json', '-4', 'neighbour', 'show']);
  const rows = neighboursSchema.parse(JSON.parse(stdout));
  return new Map(rows.flatMap((row) => (row.lladdr ? [[row.dst, row.lladdr.toLowerCase()] as const] : [])));
}
