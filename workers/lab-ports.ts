import { nmapNetworks } from '../activities/adapters/networks/nmap.ts';
import { labSandboxes } from '../activities/adapters/sandboxes/lab.ts';
import { btrfsSnapshots } from '../activities/adapters/snapshots/btrfs.ts';
import type { SitePorts } from '../activities/index.ts';
import { labSandboxPlace, labSnapshotPlace } from '../fleets/lab/places.ts';
import { nameIn } from '../domain/ids.ts';

/** The lab as the hypervisor of its sites: machines there are named without their client. */
export function labPorts(directory: string): Omit<SitePorts, 'agents'> {
  return {
    networks: nmapNetworks(),
    snapshots: btrfsSnapshots(labSnapshotPlace(directory, nameIn)),
    sandboxes: labSandboxes(labSandboxPlace(directory, nameIn)),
  };
}
