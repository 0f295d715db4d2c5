/** How a ring soaks, and what its gate says. */
import type { Check, CheckResult } from '../domain/check.ts';
import type { EndpointReference, RingOrder, RingResult } from '../domain/cycle.ts';
import type { EndpointOutcome } from '../domain/endpoint-facts.ts';
import type { Evidence } from '../domain/evidence.ts';
import { type GateVerdict, type Regression, judgeRing } from '../domain/gate.ts';
import type { Policy } from '../domain/policy.ts';
import { appendAudit, toJson } from './audit-trail.ts';
import type { Database, Tenants } from './ports/database.ts';
import { grouped, haltInForce, openCycleOf, referenceTo } from './rows.ts';

/** Besides the policy's checks: whoever does not answer gives no health data. */
const agentAnswers = 'its agent answers';
/** How many looks a soak is divided into, and how close together they may be. */
const looksInSoak = 10;
const secondsBetweenLooks = 5;

export function gateActivities({ tenants }: { tenants: Tenants }) {
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
      const halted = await haltInForce(db, cycleId);
      const lastAt = Math.max(...verified.map((row) => row.endedAt?.getTime() ?? 0), 0);
      const soakSeconds = policy.gate.soakMinutes * 60;
      const runs = verified.length > 0 && !halted;
      const remainingSeconds = runs ? Math.ceil((lastAt + soakSeconds * 1000 - Date.now()) / 1000) : 0;
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

    async judgeRing(order: RingOrder): Promise<RingResult> {
      const { cycleId, ring } = order;
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      const judged = await ringVerdict(db, policy, order);
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
      // Read from the row: a halt may be in force before its order reaches the cycle.
      return { ring, verdict: judged.verdict, because: judged.because, halted: await haltInForce(db, cycleId) };
    },
  };
}

/** What the gate says of a ring with what has ended and been seen by now. */
export async function ringVerdict(db: Database, policy: Policy, { cycleId, ring }: RingOrder): Promise<GateVerdict> {
  const members = await db.cycleEndpoint.findMany({ where: { cycleId, ring } });
  const checks = await db.soakCheck.findMany({ where: { cycleId, ring }, orderBy: { at: 'asc' } });
  const evidence = await db.evidence.findMany({ where: { cycleId, kind: 'after' } });
  const proven = new Map(evidence.map((row) => [row.endpointId, row.content as unknown as Evidence]));
  const patched = members.filter((member) => member.outcome === 'patched');
  const lastLook = new Map(
    checks.filter((check) => check.check === agentAnswers).map((look) => [look.endpointId, look]),
  );
  return judgeRing({
    ringSize: members.length,
    outcomes: members.flatMap((member) =>
      member.outcome ? [{ endpointId: member.endpointId, outcome: member.outcome as EndpointOutcome }] : [],
    ),
    unknown: members.filter((member) => member.state === 'unknown').map((member) => member.endpointId),
    regressions: regressionsIn(checks, proven),
    healthDataPresent: patched.every((member) => lastLook.get(member.endpointId)?.passed === true),
    gate: policy.gate,
  });
}

type Look = {
  readonly endpointId: string;
  readonly check: string;
  readonly passed: boolean;
  readonly observed: string;
};

/** Checks that passed when the endpoint was proven and failed at any look since, each once. */
function regressionsIn(looks: readonly Look[], proven: ReadonlyMap<string, Evidence>): Regression[] {
  const worked = (look: Look) =>
    proven.get(look.endpointId)?.checks.some((check) => check.check === look.check && check.passed) === true;
  const failed = looks.filter((look) => !look.passed && worked(look));
  const once = new Map(failed.map((look) => [`${look.endpointId} ${look.check}`, look]));
  return [...once.values()].map((look) => ({
    endpointId: look.endpointId,
    what: `${look.check} saw ${look.observed}`,
  }));
}
