/** Step 5 as rows: which plans are tried on clones, and what the tests say of the patches. */
import { segmentInWords, segmentNamed } from '../../domain/policies/segments.ts';
import type { EndpointPlan, SandboxTestInput, SandboxResult, TestsVerdict } from '../../domain/rollout/cycle.ts';
import type { Evidence } from '../../domain/endpoints/evidence.ts';
import { hashOf } from '../../domain/hash.ts';
import { appendAudit, toJson } from '../../record/audit.ts';
import type { AuthorityPort } from '../ports/authority.ts';
import type { Database, Tenants } from '../../record/database.ts';
import { readCycle, referenceTo, waivedBy } from '../../record/cycle.ts';
import { idIn } from '../../domain/ids.ts';
import { sandboxNameOf } from '../../record/names.ts';
import { grouped } from '../../domain/grouped.ts';
import { wherePlanned, planOf } from '../../record/endpoints/plans.ts';
import { statesOf } from '../../record/endpoints/states.ts';
import { personNeededFor } from '../../domain/endpoints/person-needed.ts';
import { bound } from '../bound.ts';

const sandboxCertificateDays = 1;

type Ports = { tenants: Tenants; authority: AuthorityPort };

export function sandboxTestActivities(ports: Ports) {
  return bound(ports, {
    testsToMake,
    sandboxPlan,
    signSandboxIdentity,
    recordSandboxTest,
    judgeTests,
  });
}

/**
 * One test for each segment that has something to install, on the endpoint whose plan is the longest of those that
 * are online and need no person; none where the policy waives the sandbox.
 */
async function testsToMake(
  { tenants }: Ports,
  {
    cycleId,
    attempt,
  }: {
    cycleId: string;
    attempt: number;
  },
): Promise<readonly SandboxTestInput[]> {
  const { db, cycle, policy } = await readCycle(tenants, cycleId);
  if (!policy.sandbox.required) return [];
  const rows = await db.cycleEndpoint.findMany({
    where: { cycleId, policyName: cycle.policyVersion.name, online: true },
    include: { endpoint: true, patches: { where: wherePlanned } },
  });
  const due = await withSoundness(
    db,
    rows.filter((row) => row.patches.length > 0),
  );
  return [...grouped(due, (row) => segmentInWords(row.segment))].map(([segment, members]) => {
    const [representative] = members.toSorted(
      (a, b) =>
        Number(b.sound) - Number(a.sound) ||
        b.patches.length - a.patches.length ||
        hashOf(cycleId + a.endpointId) - hashOf(cycleId + b.endpointId),
    ) as [(typeof members)[number]];
    const name = sandboxNameOf({ cycleId, segment, attempt });
    return {
      cycleId,
      clientId: cycle.clientId,
      segment,
      representative: referenceTo(representative.endpoint),
      sandboxId: idIn(cycle.clientId, name),
      attempt,
    };
  });
}

async function sandboxPlan({ tenants }: Ports, input: SandboxTestInput): Promise<EndpointPlan> {
  const { db, policy } = await readCycle(tenants, input.cycleId);
  return planOf(db, policy, input.cycleId, input.representative.endpointId);
}

async function signSandboxIdentity(
  { authority }: Ports,
  {
    sandboxId,
    certificateRequest,
  }: {
    sandboxId: string;
    certificateRequest: string;
  },
): Promise<{ readonly certificate: string; readonly authority: string }> {
  const certificate = await authority.signEndpoint({
    endpointId: sandboxId,
    certificateRequest,
    validityDays: sandboxCertificateDays,
  });
  return { certificate, authority: await authority.certificate() };
}

async function recordSandboxTest(
  { tenants }: Ports,
  {
    input,
    result,
  }: {
    input: SandboxTestInput;
    result: {
      readonly passed: boolean;
      readonly packagesAtFault: readonly string[];
      readonly because: readonly string[];
      readonly before: Evidence | null;
      readonly after: Evidence | null;
      readonly startedAt: string;
      readonly endedAt: string;
    };
  },
): Promise<void> {
  const { cycleId, clientId, segment, sandboxId, attempt } = input;
  const row = {
    id: sandboxId,
    cycleId,
    clientId,
    segment,
    representative: input.representative.endpointId,
    attempt,
    passed: result.passed,
    packagesAtFault: [...result.packagesAtFault],
    because: [...result.because],
    ...(result.before ? { before: toJson(result.before) } : {}),
    ...(result.after ? { after: toJson(result.after) } : {}),
    startedAt: new Date(result.startedAt),
    endedAt: new Date(result.endedAt),
  };
  await tenants.forClient(clientId).$transaction(async (tx) => {
    await tx.sandboxTest.upsert({ where: { id: sandboxId }, create: row, update: row });
    await appendAudit(tx, clientId, [
      {
        key: `${sandboxId} tested`,
        at: result.endedAt,
        actor: 'patchcycle',
        action: result.passed ? 'sandbox test passed' : 'sandbox test failed',
        subject: `${cycleId} segment ${segment}`,
        because: result.because,
      },
    ]);
  });
}

/**
 * Takes out what failed: the patches at fault where they can be told, else everything the segment was to get. Tests
 * are repeated only when patches were taken out by name, since the rest has not been proven together.
 */
async function judgeTests(
  { tenants }: Ports,
  {
    cycleId,
    results,
    last,
  }: {
    cycleId: string;
    results: readonly SandboxResult[];
    last: boolean;
  },
): Promise<TestsVerdict> {
  const { db, cycle, policy } = await readCycle(tenants, cycleId);
  const nothing = policy.sandbox.required ? 'nothing to test' : `the sandbox is ${waivedBy(cycle.policyVersion)}`;
  const failed = results.filter((result) => !result.passed);
  for (const result of failed) {
    const names = last ? [] : await droppableByName(db, cycleId, result.packagesAtFault);
    const because = [`failed its test on a clone of segment ${result.segment}`, ...result.because];
    const which = names.length > 0 ? { package: { in: [...names] } } : { inCycle: whereSegment(result.segment) };
    await db.cyclePatch.updateMany({
      where: { cycleId, ...wherePlanned, ...which },
      data: { decision: 'dropped', because },
    });
  }
  const remaining = await db.cyclePatch.count({ where: { cycleId, decision: 'approved' } });
  const named = failed.some((result) => result.packagesAtFault.length > 0);
  return {
    again: named && !last && remaining > 0,
    patches: remaining,
    because: [
      results.length === 0 ? nothing : `${results.length - failed.length} of ${results.length} segments passed`,
      ...results.map((result) => `${result.segment}: ${result.because[0] ?? (result.passed ? 'passed' : 'failed')}`),
    ],
  };
}

/** Packages at fault that can be taken out by name: not where one of them came in with an approved patch, which would stay. */
async function droppableByName(db: Database, cycleId: string, packages: readonly string[]): Promise<readonly string[]> {
  const added = await db.cyclePatch.count({ where: { cycleId, decision: 'added', package: { in: [...packages] } } });
  return added > 0 ? [] : packages;
}

function whereSegment(segment: string) {
  return { segment: segmentNamed(segment) };
}

/** Marks who needs no person: a clone of what is broken would fail its test, whatever the patches are like. */
async function withSoundness<Row extends { readonly endpointId: string }>(
  db: Database,
  rows: readonly Row[],
): Promise<readonly (Row & { readonly sound: boolean })[]> {
  const inDoubt = await db.cycleEndpoint.findMany({
    where: {
      endpointId: { in: rows.map((row) => row.endpointId) },
      OR: [{ outcome: 'quarantined' }, { state: 'unknown' }],
    },
  });
  const states = await statesOf(
    db,
    inDoubt.map((row) => row.endpointId),
  );
  return rows.map((row) => ({ ...row, sound: personNeededFor(states.get(row.endpointId) ?? []) === null }));
}
