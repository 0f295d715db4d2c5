import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DryRun, Patch } from '../../../domain/patch.ts';
import { takeOutOffenders } from '../../../domain/patches/plan.ts';
import { flavourOf, otherOsRelease, osReleaseChange } from '../../../domain/endpoints/os-release.ts';

const patch = (name: string, from: string | null = '1.0', to = '2.0'): Patch => ({
  package: name,
  architecture: 'amd64',
  from,
  to,
});
const [good, bad, other] = [patch('good'), patch('bad'), patch('other')];

/** A package manager in which `bad` does something beyond the record, alone or with others. */
const managerWhere = (badDoes: Partial<DryRun>) => async (asked: readonly Patch[]) => ({
  patches: asked,
  removes: [],
  downgrades: [],
  impossible: [],
  ...(asked.includes(bad) ? badDoes : {}),
});
const kernel = async () => '6.1.0-50-amd64';

describe('a plan that goes beyond the record', () => {
  it.each<[string, Partial<DryRun>, string]>([
    ['removes a package', { removes: ['curl'] }, 'would remove curl'],
    ['downgrades one', { downgrades: ['zlib1g'] }, 'would downgrade zlib1g'],
    [
      'cannot be installed',
      { impossible: [{ package: 'bad', because: 'on hold' }] },
      'bad cannot be installed: on hold',
    ],
    [
      'changes the release',
      { patches: [patch('base-files', '12.4+deb12u11', '13.8')] },
      'release of the operating system',
    ],
    ['brings another kernel', { patches: [patch('linux-image-6.1.0-51-cloud-amd64', null)] }, 'flavour to cloud-amd64'],
  ])('that %s leaves out that patch, and the others stay', async (_, badDoes, words) => {
    const planned = await takeOutOffenders([good, bad, other], managerWhere(badDoes), kernel);
    expect(planned.patches).toEqual([good, other]);
    expect(planned.dropped).toEqual([{ package: 'bad', because: expect.stringContaining(words) as string }]);
  });

  it('has what comes along added to it, and then on record', async () => {
    const extra = patch('libextra', null);
    const planned = await takeOutOffenders(
      [good],
      async (asked) => ({ ...(await managerWhere({})(asked)), patches: [good, extra] }),
      kernel,
    );
    expect(planned).toEqual({ patches: [good], added: [extra], dropped: [] });
  });

  it('of which no single patch is to blame is left out whole', async () => {
    const together = async (asked: readonly Patch[]) => ({
      ...(await managerWhere({})(asked)),
      removes: asked.length > 1 ? ['curl'] : [],
    });
    const planned = await takeOutOffenders([good, other], together, kernel);
    expect(planned.patches).toEqual([]);
    expect(planned.dropped.map((one) => one.package)).toEqual(['good', 'other']);
  });

  it('never has anything left in it whose dry run offends, whatever the package manager would do', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.constantFrom(...names)),
        fc.array(fc.subarray(names), { maxLength: 4 }),
        async (asked, conflicts) => {
          const manager = async (some: readonly Patch[]): Promise<DryRun> => {
            const chosen = some.map((each) => each.package);
            const hit = conflicts.filter((set) => set.length > 0 && set.every((name) => chosen.includes(name)));
            return { patches: some, removes: hit.length > 0 ? ['victim'] : [], downgrades: [], impossible: [] };
          };
          const planned = await takeOutOffenders(
            asked.map((name) => patch(name)),
            manager,
            kernel,
          );
          expect((await manager(planned.patches)).removes).toEqual([]);
          expect([...planned.patches, ...planned.dropped].map((one) => one.package).toSorted()).toEqual(
            asked.toSorted(),
          );
        },
      ),
    );
  });
});

describe('the flavour of a kernel', () => {
  it.each([
    ['linux-image-6.1.0-51-amd64', 'amd64'],
    ['linux-image-6.1.0-51-cloud-amd64', 'cloud-amd64'],
    ['linux-image-6.1.0-51-rt-amd64', 'rt-amd64'],
    ['linux-image-6.12.9+bpo-amd64', 'amd64'],
    ['linux-image-amd64', 'amd64'],
    ['linux-image-rt-amd64', 'rt-amd64'],
    ['linux-image-5.15.0-100-generic', 'generic'],
    ['linux-image-unsigned-5.15.0-100-lowlatency', 'lowlatency'],
    ['linux-headers-6.1.0-51-amd64', null],
    ['openssl', null],
  ])('of %s is %s', (name, flavour) => {
    expect(flavourOf(name)).toBe(flavour);
  });

  it('may not change, and a newer kernel of the same is none', () => {
    const next = patch('linux-image-6.1.0-51-amd64', null);
    expect(osReleaseChange([next], '6.1.0-50-amd64')).toBeNull();
    expect(osReleaseChange([next, patch('linux-image-amd64', '6.1.140', '6.1.147')], null)).toBeNull();
    expect(osReleaseChange([next], '6.1.0-50-cloud-amd64')).toContain('flavour to amd64');
  });

  it('that nobody can tell lets no new kernel in', () => {
    expect(osReleaseChange([patch('linux-image-6.1.0-51-amd64', null)], null)).toContain('of an unknown flavour');
    expect(osReleaseChange([patch('linux-image-6.1.0-51-amd64', null)], 'unreadable')).not.toBeNull();
  });
});

describe('an update of another release', () => {
  const debian = { id: 'debian', version: '12' };
  it.each<[readonly string[], boolean]>([
    [['Debian-Security:12/oldstable-security'], false],
    [['Debian:12.11/oldstable'], false],
    [['Debian:12-updates/oldstable-updates'], false],
    [['Debian:13.1/stable'], true],
    [['Debian-Security:13/stable-security'], true],
    [['Debian:13.1/stable', 'Debian:12.11/oldstable'], false],
    [['Docker:stable/bookworm'], false],
    [[], false],
  ])('%j on Debian 12: %s', (origins, found) => {
    expect(otherOsRelease(origins, debian) !== null).toBe(found);
  });

  it('is told by both halves of the name where that has two', () => {
    const ubuntu = { id: 'ubuntu', version: '22.04' };
    expect(otherOsRelease(['Ubuntu:22.04/jammy-security'], ubuntu)).toBeNull();
    expect(otherOsRelease(['Ubuntu:22.10/kinetic-security'], ubuntu)).toContain('ubuntu 22.10');
  });
});
