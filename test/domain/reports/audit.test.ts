import { describe, expect, it } from 'vitest';
import { compareInventories } from '../../../domain/reports/audit.ts';
import type { Inventory } from '../../../domain/endpoints/endpoint.ts';
import type { Patch } from '../../../domain/patch.ts';
import type { EndpointOutcome } from '../../../domain/endpoints/saga.ts';

function inventory(versions: Readonly<Record<string, string>>, pendingReboot: readonly string[] = []): Inventory {
  return {
    takenAt: '2026-12-10T02:00:00.000Z',
    hostname: 'berlin-web-1',
    machineId: 'm',
    bootId: 'b',
    generation: 1,
    agentVersion: '0.1.0',
    runtimeVersion: '24.22.3',
    os: { id: 'debian', version: '12', codename: 'bookworm' },
    kernel: '6.1',
    hardware: {
      architecture: 'amd64',
      cpus: 1,
      memoryMebibytes: 1,
      rootDiskMebibytes: 1,
      rootFreeMebibytes: 1,
      virtualization: 'kvm',
    },
    packages: Object.entries(versions).map(([name, version]) => ({ package: name, version, architecture: 'amd64' })),
    heldPackages: [],
    applications: [],
    services: [],
    pendingReboot: { due: pendingReboot.length > 0, because: pendingReboot },
    otherUpdaters: [],
  };
}
const patch = (name: string, from: string | null, to: string): Patch => ({
  package: name,
  architecture: 'amd64',
  from,
  to,
});
const before = inventory({ a: '1', b: '1', c: '1', other: '1', leaves: '1' });

const audit = (after: Inventory, outcome: EndpointOutcome | null = null) =>
  compareInventories({
    planned: [patch('a', '1', '2'), patch('b', '1', '2'), patch('c', '1', '2')],
    before,
    after,
    outcome,
  });
const names = (list: readonly { readonly package: string }[]) => list.map((each) => each.package);

describe('a second inventory', () => {
  it('puts every planned patch into exactly one list, and names what nobody planned', () => {
    const result = audit(inventory({ a: '2', b: '1', c: '3', other: '2', comes: '1' }, ['newer kernel']));
    expect(names(result.installed)).toEqual(['a']);
    expect(names(result.pending)).toEqual(['b']);
    expect(result.failed[0]).toMatchObject({
      package: 'c',
      observed: '3',
      because: '3 is installed, which is newer, planned was 2',
    });
    expect(result.drifted.map(({ package: name, from, to }) => [name, from, to])).toEqual([
      ['comes', null, '1'],
      ['leaves', '1', null],
      ['other', '1', '2'],
    ]);
    expect(result.because).toEqual([
      '1 of 3 planned versions are installed, inventory of 2026-12-10T02:00:00.000Z',
      '3 packages changed that no record asked for',
      'a reboot is pending: newer kernel',
    ]);
  });

  it.each([
    [null, 'pending'],
    ['skipped', 'pending'],
    ['rolled_back', 'failed'],
    ['quarantined', 'failed'],
  ] as const)('still the old version on an endpoint that ended as %s is %s', (outcome, list) => {
    expect(audit(before, outcome)[list]).toHaveLength(3);
  });

  it('a planned package that is gone has failed', () => {
    expect(names(audit(inventory({ a: '2', b: '2' })).failed)).toEqual(['c']);
  });
});
