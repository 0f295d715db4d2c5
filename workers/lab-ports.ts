import { nmapNetworks } from '../activities/adapters/networks/nmap.ts';
import { labSandboxes } from '../activities/adapters/sandboxes/lab.ts';
import { btrfsSnapshots } from '../activities/adapters/snapshots/btrfs.ts';
import type { SitePorts } from '../activities/index.ts';
import { nameIn } from '../domain/cycle.ts';
import { labSandboxPlace, labSnapshotPlace } from '../tools/lab/places.ts';

/** The lab as the hypervisor of its sites: machines there are named without their client. */
export function labPorts(directory: string): Omit<SitePorts, 'agents'> {
  return {
    networks: nmapNetworks(),
    snapshots: btrfsSnapshots(labSnapshotPlace(directory, nameIn)),
    sandboxes: labSandboxes(labSandboxPlace(directory, nameIn)),
  };
}
