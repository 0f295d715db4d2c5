/** How a ring soaks, what its gate says, and what that means for the patches of its record. */
import { ApplicationFailure } from '@temporalio/activity';
import { defaultEndpointsAtLeast } from '../domain/breaker.ts';
import type { Check, CheckResult } from '../domain/check.ts';
import type { EndpointReference, PersonsWord, RingOrder, RingResult } from '../domain/cycle.ts';
import { type GateVerdict, judgeRing, mayAdvance } from '../domain/gate.ts';
import { successorOf } from '../domain/successor.ts';
import { appendAudit, toJson } from './audit-trail.ts';
import { countFailures } from './breaker.ts';
import { skippedIn } from './left-out.ts';
import type { Tenants } from './ports/database.ts';
import { agentAnswers, regressionsCounted, ringSeen } from './ring-evidence.ts';
import { grouped, openCycleOf, referenceTo } from './rows.ts';
import { proposeSuccessor } from './successors.ts';

/** How many looks a soak is divided into, and how close together they may be. */
const looksInSoak = 10;
const secondsBetweenLooks = 5;

export function gateActivities({
  tenants,
  breakerEndpoints = defaultEndpointsAtLeast,
}: {
  tenants: Tenants;
  breakerEndpoints?: number;
}) {
  return {
    /** How long the ring has to soak from its last verified endpoint, and which endpoints to watch meanwhile. */
    async soakWatch({ cycleId, ring }: RingOrder): Promise<{
      readonly remainingSeconds: number;
      readonly everySeconds: number;
      readonly sites: readonly {
        readonly taskQueue: string;
        readonly endpoints: readonly (EndpointReference & { readonly checks: readonly Check[] })[];
      }[];
    }> {
      const { db, policy } = await openCycleOf(tenants, cycleId);
      const verified = await db.cycleEndpoint.findMany({
        where: { cycleId, ring, outcome: 'patched' },
        include: { endpoint: true },
      });
      const lastAt = Math.max(...verified.map((row) => row.endedAt?.getTime() ?? 0), 0);
      const soakSeconds = policy.gate.soakMinutes * 60;
      const remainingSeconds = verified.length > 0 ? Math.ceil((lastAt + soakSeconds * 1000 - Date.now()) / 1000) : 0;
      const endpoints = verified.map((row) => ({ ...referenceTo(row.endpoint), checks: policy.checks }));
      return {
        remainingSeconds,
        everySeconds: Math.max(secondsBetweenLooks, Math.ceil(soakSeconds / looksInSoak)),
        sites: [...grouped(endpoints, (endpoint) => endpoint.taskQueue)].map(([taskQueue, some]) => ({
          taskQueue,
          endpoints: some,
        })),
      };
    },

    async recordSoakChecks({
      order,
      at,
      results,
    }: {
      order: RingOrder;
      at: string;
      results: readonly { readonly endpointId: string; readonly results: readonly CheckResult[] | null }[];
    }): Promise<void> {
      const { cycleId, clientId, ring } = order;
      await tenants.forClient(clientId).soakCheck.createMany({
        skipDuplicates: true,
        data: results.flatMap(({ endpointId, results: checks }) => {
          const answered = {
            check: agentAnswers,
            passed: checks !== null,
            observed: checks ? 'answered' : 'no answer',
          };
          return [answered, ...(checks ?? [])].map(({ check, passed, observed }) => ({
            cycleId,
            endpointId,
            clientId,
            ring,
            check,
            passed,
            observed,
            at: new Date(at),
          }));
        }),
      });
    },

    /** The ring's verdict, on record; and whether the good patches of its record go on without the bad ones. */
    async judgeRing(order: RingOrder): Promise<RingResult> {
      const { cycleId, ring } = order;
      const opened = await openCycleOf(tenants, cycleId);
      const { db, cycle } = opened;
      const seen = await ringSeen(tenants, opened, order);
      const judged = judgeRing(seen.facts);
      await countFailures(tenants, regressionsCounted(order, seen), breakerEndpoints);
      const id = `${cycleId}/${ring}`;
      const judgedAt = new Date();
      const row = { verdict: judged.verdict, numbers: toJson(judged.numbers), because: [...judged.because], judgedAt };
      await db.$transaction(async (tx) => {
        await tx.gateVerdict.upsert({
          where: { id },
          create: { id, cycleId, clientId: cycle.clientId, ring, ...row },
          update: row,
        });
        await appendAudit(tx, cycle.clientId, [
          {
            key: `${id} ${judged.verdict}`,
            at: judgedAt.toISOString(),
            actor: 'patchcycle',
            action: `gate ${judged.verdict}`,
            subject: id,
            because: judged.because,
            detail: judged.numbers,
          },
        ]);
      });
      const { regressions, healthDataPresent } = seen.facts;
      const regressed = new Map(
        regressions.map(({ endpointId }) => [
          endpointId,
          regressions.filter((one) => one.endpointId === endpointId).flatMap((one) => one.patchesAtFault ?? []),
        ]),
      );
      // Counted first: a patch that is skipped from here on has the gate asked again.
      const { length: patchesSkipped } = await skippedIn(db, cycleId);
      const goesOn = await proposeSuccessor(opened, { ring, verdict: judged.verdict, healthDataPresent, regressed });
      return {
        ring,
        verdict: judged.verdict,
        because: judged.because,
        ...(goesOn === 'no' ? {} : { successor: goesOn }),
        nobodyLeft: (await db.cycleEndpoint.count({ where: { cycleId, ring: { not: null }, outcome: null } })) === 0,
        patchesSkipped,
      };
    },

    /**
     * What a person's order to advance comes to: on a held gate it is carried out; on a halted one it is refused until
     * the patches at fault have been released.
     * @throws ApplicationFailure OrderRefused, with the reason
     */
    async advanceGate({ order, word, at }: { order: RingOrder; word: PersonsWord; at: string }): Promise<void> {
      const { cycleId, clientId, ring } = order;
      const { may, because } = mayAdvance(await ringVerdict(tenants, order));
      if (!may) throw ApplicationFailure.nonRetryable(because, 'OrderRefused');
      await tenants.forClient(clientId).$transaction((tx) =>
        appendAudit(tx, clientId, [
          {
            key: `${cycleId} advance ${ring} by ${word.who} at ${at}`,
            at,
            actor: word.who,
            action: 'advance',
            subject: `${cycleId} ring ${ring}`,
            because: [word.why, because],
          },
        ]),
      );
    },
  };
}

/** What the gate says of a ring with what has ended and been seen by now. */
export async function ringVerdict(tenants: Tenants, order: RingOrder): Promise<GateVerdict> {
  const { facts } = await ringSeen(tenants, await openCycleOf(tenants, order.cycleId), order);
  return judgeRing(facts);
}

/**
 * Why nobody of a ring's record may be started, for those that do not start with their ring; null when no gate of the
 * record halts: neither theirs as it stands now, nor another as it was judged.
 */
export async function haltedGate(tenants: Tenants, order: RingOrder): Promise<readonly string[] | null> {
  const judged = await tenants.forClient(order.clientId).gateVerdict.findMany({ where: { cycleId: order.cycleId } });
  const halted = judged.find(
    ({ ring, verdict }) => verdict === 'halt' && ring !== order.ring && successorOf(ring) === successorOf(order.ring),
  );
  const now = halted ?? (await ringVerdict(tenants, order));
  return now.verdict === 'halt' ? now.because : null;
}
