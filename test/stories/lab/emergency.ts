import { beforeAll, describe, expect, it } from 'vitest';
import type { CycleFacts } from '../../../domain/reports/cycle-facts.ts';
import { endpointFacts, upgradesOf } from '../../setup/stack/facts.ts';
import { type RunningLabStack, plantedBy } from '../../setup/lab/running-cycles.ts';

/** An emergency for a CVE that is chosen of what is pending now. */
export function describeEmergency(stack: () => RunningLabStack): void {
  describe('an emergency for one CVE of the pending updates, which is said to be exploited', () => {
    let advisory: string;
    let carriers: readonly string[];
    /** What apt would install with the carriers, asked before. */
    let needed: readonly string[];
    let earlier: ReadonlyMap<string, readonly string[]>;
    let facts: CycleFacts;

    beforeAll(async () => {
      const { cycles } = await stack().ask<{ cycles: { cycleId: string }[] }>('cycle', 'list');
      const newest = await stack().ask<CycleFacts>('cycle', 'show', cycles[0]?.cycleId ?? '');
      ({ advisory, carriers } = smallestAdvisory(newest));
      await stack().plantExploited(advisory);
      const [first] = stack().endpoints;
      const planned = await first?.inside('apt-get', '--simulate', 'install', '--only-upgrade', ...carriers);
      needed = [...(planned ?? '').matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name).toSorted();
      earlier = new Map(stack().endpoints.map((endpoint) => [endpoint.name, endpoint.upgrades()]));
      await stack().allow([]);
      const { cycleId } = await stack().ask<{ cycleId: string }>('emergency', 'start', '--advisory', advisory);
      facts = await stack().ended(cycleId);
    });

    it('says at once that it is exploited, and that the entry is planted', () => {
      const monitoring = facts.steps.find((step) => step.step === 'monitoring');
      expect(monitoring?.because).toContain(`${advisory} is known to be exploited`);
      expect(monitoring?.because).toContain(`planted by ${plantedBy}`);
      for (const patch of facts.patchSet.filter((each) => carriers.includes(each.package)))
        expect(patch).toMatchObject({ severity: 'critical', exploited: [{ cve: advisory, plantedBy }] });
    });

    it('patches the packages that carry it and what they need, and nothing else', async () => {
      expect(facts.state).toBe('finished');
      for (const endpoint of stack().endpoints) {
        const recorded = endpointFacts(facts, endpoint.name);
        expect(recorded.outcome).toBe('patched');
        const lines = endpoint.upgrades().slice(earlier.get(endpoint.name)?.length);
        expect(lines.toSorted()).toEqual(upgradesOf(recorded));
        expect(lines.map((line) => line.replace(/ .*/, '')).toSorted()).toEqual(needed);
        for (const name of carriers)
          expect(
            await endpoint.inside('zgrep', '--max-count=1', advisory, `/usr/share/doc/${name}/changelog.Debian.gz`),
          ).toContain(advisory);
        expect(await endpoint.webAnswer()).toMatch(/^pc-web 1\./);
      }
    });
  });
}

/** Of the CVEs whose updates the cycle found pending and left alone, the one that the fewest packages carry. */
function smallestAdvisory(facts: CycleFacts): {
  readonly advisory: string;
  readonly carriers: readonly string[];
} {
  const patchSet = facts.patchSet.filter((patch) => patch.decision === 'declined');
  const cves = [...new Set(patchSet.flatMap((patch) => patch.cves))].toSorted();
  const [smallest] = cves
    .map((advisory) => ({
      advisory,
      carriers: patchSet.filter((patch) => patch.cves.includes(advisory)).map((patch) => patch.package),
    }))
    .toSorted((one, other) => one.carriers.length - other.carriers.length);
  if (!smallest) throw new Error('No update with a CVE is pending.');
  return smallest;
}
