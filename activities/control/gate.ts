/** How a ring soaks, what its gate says, and what that means for the patches of its record. */
import { defaultEndpointsAtLeast } from '../../domain/patches/breaker.ts';
import type { Check, CheckResult } from '../../domain/endpoints/check.ts';
import type { EndpointReference, SignOff, RingInput, RingResult } from '../../domain/rollout/cycle.ts';
import { judgeRing as judgeGate, mayAdvance } from '../../domain/rollout/gate.ts';
import { appendAudit, toJson } from '../../record/audit.ts';
import { countFailures } from '../../record/patches/breaker.ts';
import { skippedIn } from '../../record/patches/excluded.ts';
import type { Tenants } from '../../record/database.ts';
import { agentAnswers, regressionsCounted, readRingEvidence } from '../../record/cycles/ring-evidence.ts';
import { readCycle, referenceTo } from '../../record/cycle.ts';
import { proposeSuccessor } from '../../record/cycles/successors.ts';
import { grouped } from '../../domain/grouped.ts';
import { ringVerdict } from '../../record/cycles/gates.ts';
import { RecordRefusal } from '../../record/errors.ts';
import { bound } from '../bound.ts';

/** How many looks a soak is divided into, and how close together they may be. */
const checksPerSoak = 10;
const secondsBetweenChecks = 5;

type Ports = {
  tenants: Tenants;
  breakerEndpoints?: number;
};

export function gateActivities(ports: Ports) {
  return bound(ports, {
    soakWatch,
    recordSoakChecks,
    judgeRing,
    advanceGate,
  });
}

/** How long the ring has to soak from its last verified endpoint, and which endpoints to watch meanwhile. */
async function soakWatch(
  { tenants }: Ports,
  { cycleId, ring }: RingInput,
): Promise<{
  readonly remainingSeconds: number;
  readonly everySeconds: number;
  readonly sites: readonly {
    readonly taskQueue: string;
    readonly endpoints: readonly (EndpointReference & { readonly checks: readonly Check[] })[];
  }[];
}> {
  const { db, policy } = await readCycle(tenants, cycleId);
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
    everySeconds: Math.max(secondsBetweenChecks, Math.ceil(soakSeconds / checksPerSoak)),
    sites: [...grouped(endpoints, (endpoint) => endpoint.taskQueue)].map(([taskQueue, some]) => ({
      taskQueue,
      endpoints: some,
    })),
  };
}

async function recordSoakChecks(
  { tenants }: Ports,
  {
    input,
    at,
    results,
  }: {
    input: RingInput;
    at: string;
    results: readonly { readonly endpointId: string; readonly results: readonly CheckResult[] | null }[];
  },
): Promise<void> {
  const { cycleId, clientId, ring } = input;
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
}

/** The ring's verdict, on record; and whether the good patches of its record go on without the bad ones. */
async function judgeRing(
  { tenants, breakerEndpoints = defaultEndpointsAtLeast }: Ports,
  input: RingInput,
): Promise<RingResult> {
  const { cycleId, ring } = input;
  const opened = await readCycle(tenants, cycleId);
  const { db, cycle } = opened;
  const seen = await readRingEvidence(tenants, opened, input);
  const judged = judgeGate(seen.facts);
  await countFailures(tenants, regressionsCounted(input, seen), breakerEndpoints);
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
    noneRemain: (await db.cycleEndpoint.count({ where: { cycleId, ring: { not: null }, outcome: null } })) === 0,
    patchesSkipped,
  };
}

/**
 * What a person's order to advance comes to: on a held gate it is carried out; on a halted one it is refused until
 * the patches at fault have been released.
 * @throws RecordRefusal `OrderRefused`, with the reason
 */
async function advanceGate(
  { tenants }: Ports,
  { input, signOff, at }: { input: RingInput; signOff: SignOff; at: string },
): Promise<void> {
  const { cycleId, clientId, ring } = input;
  const { may, because } = mayAdvance(await ringVerdict(tenants, input));
  if (!may) throw new RecordRefusal('OrderRefused', because);
  await tenants.forClient(clientId).$transaction((tx) =>
    appendAudit(tx, clientId, [
      {
        key: `${cycleId} advance ${ring} by ${signOff.who} at ${at}`,
        at,
        actor: signOff.who,
        action: 'advance',
        subject: `${cycleId} ring ${ring}`,
        because: [signOff.why, because],
      },
    ]),
  );
}
