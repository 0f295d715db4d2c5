/** Taking an endpoint out of quarantine by the word of a person who has repaired or replaced it. */
import type { SignOff } from '../../domain/rollout/cycle.ts';
import { personNeededFor, quarantinesOf } from '../../domain/endpoints/person-needed.ts';
import { appendAudit, orderEntry } from '../audit.ts';
import type { Tenants } from '../database.ts';
import { statesOf } from './states.ts';
import { nameIn } from '../../domain/ids.ts';
import { orderRefused } from '../errors.ts';

/**
 * Releases an endpoint from its quarantine: it uses its site's budget no more, and needs no person. Nothing is observed
 * by that, so its ends stay what they are, and so does its snapshot until a later cycle has proven it. Released again
 * in the same words it changes nothing.
 * @throws RecordRefusal `OrderRefused`, when it is not in quarantine
 */
export async function releaseEndpoint(
  tenants: Tenants,
  { clientId, endpointId, signOff, at }: { clientId: string; endpointId: string; signOff: SignOff; at: string },
): Promise<{ readonly because: string }> {
  const name = nameIn(endpointId);
  const because = `released by ${signOff.who}: ${signOff.why}`;
  return tenants.forClient(clientId).$transaction(async (tx) => {
    // Two persons at once: the second reads what the first has said.
    await tx.$queryRaw`SELECT 1 FROM "Endpoint" WHERE "id" = ${endpointId} FOR UPDATE`;
    const states = (await statesOf(tx, [endpointId])).get(endpointId) ?? [];
    const needed = personNeededFor(states);
    const quarantines = needed === null ? [] : quarantinesOf(states);
    if (quarantines.length === 0) {
      const last = await tx.cycleEndpoint.findFirst({
        where: { endpointId, releasedAt: { not: null } },
        orderBy: { releasedAt: 'desc' },
      });
      if (needed) throw orderRefused(`${name} is not quarantined: ${needed.because.join('; ')}`);
      if (!last) throw orderRefused(`${name} is not quarantined: there is nothing to release`);
      if (last.releasedBy === signOff.who && last.releaseReason === signOff.why)
        return { because: `${name} was ${because}` };
      throw orderRefused(`${name} is not quarantined: ${last.releasedBy} has released it: ${last.releaseReason}`);
    }
    for (const { cycleId } of quarantines) {
      await tx.cycleEndpoint.update({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        data: { releasedAt: new Date(at), releasedBy: signOff.who, releaseReason: signOff.why },
      });
      const target = { scope: 'endpoint', subject: endpointId } as const;
      await appendAudit(tx, clientId, [orderEntry('release', cycleId, target, signOff, at)]);
    }
    return { because: `${name} ${because}` };
  });
}
