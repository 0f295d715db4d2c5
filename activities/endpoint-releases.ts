/** Taking an endpoint out of quarantine by the word of a person who has mended or replaced it. */
import type { PersonsWord } from '../domain/cycle.ts';
import { nameIn } from '../domain/cycle.ts';
import { personNeededFor, quarantinesOf } from '../domain/person-needed.ts';
import { appendAudit } from './audit-trail.ts';
import { orderEntry } from './halts.ts';
import type { Tenants } from './ports/database.ts';
import { standingsOf } from './standings.ts';
import { refused } from './targets.ts';

/**
 * Releases an endpoint from its quarantine: it uses its site's budget no more, and needs no person. Nothing is observed
 * by that, so its ends stay what they are, and so does its snapshot until a later cycle has proven it. Released again in
 * the same words it changes nothing.
 * @throws ApplicationFailure OrderRefused, when it is not in quarantine
 */
export async function releaseEndpoint(
  tenants: Tenants,
  { clientId, endpointId, word, at }: { clientId: string; endpointId: string; word: PersonsWord; at: string },
): Promise<{ readonly because: string }> {
  const name = nameIn(endpointId);
  const because = `released by ${word.who}: ${word.why}`;
  return tenants.forClient(clientId).$transaction(async (tx) => {
    // Two persons at once: the second reads what the first has said.
    await tx.$queryRaw`SELECT 1 FROM "Endpoint" WHERE "id" = ${endpointId} FOR UPDATE`;
    const standings = (await standingsOf(tx, [endpointId])).get(endpointId) ?? [];
    const needed = personNeededFor(standings);
    const quarantines = needed === null ? [] : quarantinesOf(standings);
    if (quarantines.length === 0) {
      const last = await tx.cycleEndpoint.findFirst({
        where: { endpointId, releasedAt: { not: null } },
        orderBy: { releasedAt: 'desc' },
      });
      if (needed) throw refused(`${name} is not quarantined: ${needed.because.join('; ')}`);
      if (!last) throw refused(`${name} is not quarantined: there is nothing to release`);
      if (last.releasedBy === word.who && last.releaseReason === word.why) return { because: `${name} was ${because}` };
      throw refused(`${name} is not quarantined: ${last.releasedBy} has released it: ${last.releaseReason}`);
    }
    for (const { cycleId } of quarantines) {
      await tx.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: { releasedAt: new Date(at), releasedBy: word.who, releaseReason: word.why },
      });
      const target = { scope: 'endpoint', subject: endpointId } as const;
      await appendAudit(tx, clientId, [orderEntry('release', cycleId, target, word, at)]);
    }
    return { because: `${name} ${because}` };
  });
}
