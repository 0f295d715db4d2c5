/** Step 5 as rows: each endpoint's plan as its dry run shows it, and what the tests on clones say of it. */
import { idOf, patchKey } from '../domain/breaker.ts';
import type { PlannedInstall } from '../domain/plan.ts';
import {
  type EndpointPlan,
  type SandboxOrder,
  type SandboxResult,
  type SurveyOrder,
  type TestsVerdict,
  idIn,
} from '../domain/cycle.ts';
import type { Evidence } from '../domain/evidence.ts';
import { hashOf } from '../domain/hash.ts';
import type { Patch } from '../domain/patch.ts';
import type { Policy } from '../domain/policy.ts';
import { appendAudit, digestOf, toJson } from './audit-trail.ts';
import { leftOutOf } from './left-out.ts';
import { sandboxNameOf, snapshotNameOf } from './machines.ts';
import { toPatch } from './patch-sets.ts';
import type { AuthorityPort } from './ports/authority.ts';
import type { Database, Tenants } from './ports/database.ts';
import { ofOtherReleases } from './releases.ts';
import { withSoundness } from './representatives.ts';
import { grouped, openCycleOf, referenceTo, waivedBy } from './rows.ts';

/** An install that takes longer than this hangs. */
const installLimitMinutes = 60;
const sandboxCertificateDays = 1;
const planned = ['approved', 'added'];

export function installPlanActivities({ tenants, authority }: { tenants: Tenants; authority: AuthorityPort }) {
  return {
    async patchesToPlan({ order, endpointId }: { order: SurveyOrder; endpointId: string }): Promise<readonly Patch[]> {
      const { cycleId, clientId } = order;
      const db = tenants.forClient(clientId);
      const approved = { cycleId, endpointId, decision: 'approved' };
      const rows = await db.cyclePatch.findMany({
        where: approved,
        orderBy: [{ package: 'asc' }, { architecture: 'asc' }],
      });
      // What was approved may have been stopped for everyone, or skipped, since.
      const leftOut = await leftOutOf(tenants, cycleId, rows.map(toPatch));
      for (const { package: name, architecture, rule, because } of leftOut)
        await db.cyclePatch.updateMany({
          where: { ...approved, package: name, architecture },
          data: { decision: 'dropped', rule, because: [because] },
        });
      const elsewhere = await ofOtherReleases(db, order, endpointId, rows);
      for (const { row, because } of elsewhere)
        await db.cyclePatch.updateMany({
          where: { ...approved, package: row.package, architecture: row.architecture },
          data: { decision: 'dropped', because: [because] },
        });
      const gone = new Set([...leftOut, ...elsewhere.map(({ row }) => idOf(toPatch(row)))].map(patchKey));
      return rows.map(toPatch).filter((patch) => !gone.has(patchKey(idOf(patch))));
    },

    /** Records what the dry run added to an endpoint's plan, and what had to leave it. */
    async recordPlan({
      order,
      endpointId,
      planned,
    }: {
      order: SurveyOrder;
      endpointId: string;
      planned: PlannedInstall;
    }): Promise<void> {
      const { cycleId, clientId } = order;
      const key = { cycleId, endpointId };
      const leftOut = await leftOutOf(tenants, cycleId, planned.added);
      await tenants.forClient(clientId).$transaction(async (tx) => {
        // An earlier plan's additions are drawn anew; what was offered goes back to what was decided of it.
        await tx.cyclePatch.deleteMany({ where: { ...key, decision: 'added', origins: { isEmpty: true } } });
        await tx.cyclePatch.updateMany({ where: { ...key, decision: 'added' }, data: { decision: 'waiting' } });
        for (const { package: name, because } of planned.dropped) {
          await tx.cyclePatch.updateMany({
            where: { ...key, package: name, decision: 'approved' },
            data: { decision: 'dropped', because: [`the dry run says: ${because}`] },
          });
        }
        const rejected = await tx.cyclePatch.findMany({ where: { ...key, ...rejectedAmong(planned.added) } });
        const refused = [...rejected, ...leftOut];
        if (refused.length > 0) {
          const names = refused.map((one) => one.package).join(', ');
          await tx.cyclePatch.updateMany({
            where: { ...key, decision: 'approved' },
            data: { decision: 'dropped', because: [`the dry run needs ${names}, which was rejected`] },
          });
          return;
        }
        for (const patch of planned.added) {
          const { package: name, architecture } = patch;
          const added = { decision: 'added', because: ['an approved patch needs it, as the dry run says'] };
          await tx.cyclePatch.upsert({
            where: { cycleId_endpointId_package_architecture: { ...key, package: name, architecture } },
            create: { ...key, clientId, ...unoffered(patch), ...added },
            update: { ...added, toVersion: patch.to },
          });
        }
      });
    },

    /**
     * One test for each segment that has something to install, on the endpoint whose plan is the longest of those that
     * are online and need no person; none where the policy waives the sandbox.
     */
    async testsToMake({ cycleId, attempt }: { cycleId: string; attempt: number }): Promise<readonly SandboxOrder[]> {
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      if (!policy.sandbox.required) return [];
      const rows = await db.cycleEndpoint.findMany({
        where: { cycleId, policyName: cycle.policyVersion.name, online: true },
        include: { endpoint: true, patches: { where: { decision: { in: planned } } } },
      });
      const due = await withSoundness(
        db,
        rows.filter((row) => row.patches.length > 0),
      );
      return [...grouped(due, (row) => row.segment ?? 'without a segment')].map(([segment, members]) => {
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
    },

    async sandboxPlan(order: SandboxOrder): Promise<EndpointPlan> {
      const { db, policy } = await openCycleOf(tenants, order.cycleId);
      return planOf(db, policy, order.cycleId, order.representative.endpointId);
    },

    async signSandboxIdentity({
      sandboxId,
      certificateRequest,
    }: {
      sandboxId: string;
      certificateRequest: string;
    }): Promise<{ readonly certificate: string; readonly authority: string }> {
      const certificate = await authority.signEndpoint({
        endpointId: sandboxId,
        certificateRequest,
        validityDays: sandboxCertificateDays,
      });
      return { certificate, authority: await authority.certificate() };
    },

    async recordSandboxTest({
      order,
      result,
    }: {
      order: SandboxOrder;
      result: {
        readonly passed: boolean;
        readonly packagesAtFault: readonly string[];
        readonly because: readonly string[];
        readonly before: Evidence | null;
        readonly after: Evidence | null;
        readonly startedAt: string;
        readonly endedAt: string;
      };
    }): Promise<void> {
      const { cycleId, clientId, segment, sandboxId, attempt } = order;
      const row = {
        id: sandboxId,
        cycleId,
        clientId,
        segment,
        representative: order.representative.endpointId,
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
    },

    /**
     * Takes out what failed: the patches at fault where they can be told, else everything the segment was to get. Tests
     * are repeated only when patches were taken out by name, since the rest has not been proven together.
     */
    async judgeTests({
      cycleId,
      results,
      last,
    }: {
      cycleId: string;
      results: readonly SandboxResult[];
      last: boolean;
    }): Promise<TestsVerdict> {
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      const nothing = policy.sandbox.required ? 'nothing to test' : `the sandbox is ${waivedBy(cycle.policyVersion)}`;
      const failed = results.filter((result) => !result.passed);
      for (const result of failed) {
        const names = last ? [] : await nameable(db, cycleId, result.packagesAtFault);
        const because = [`failed its test on a clone of segment ${result.segment}`, ...result.because];
        const whose = names.length > 0 ? { package: { in: [...names] } } : { inCycle: segmentIs(result.segment) };
        await db.cyclePatch.updateMany({
          where: { cycleId, decision: { in: planned }, ...whose },
          data: { decision: 'dropped', because },
        });
      }
      const left = await db.cyclePatch.count({ where: { cycleId, decision: 'approved' } });
      const named = failed.some((result) => result.packagesAtFault.length > 0);
      return {
        again: named && !last && left > 0,
        patches: left,
        because: [
          results.length === 0 ? nothing : `${results.length - failed.length} of ${results.length} segments passed`,
          ...results.map(
            (result) => `${result.segment}: ${result.because[0] ?? (result.passed ? 'passed' : 'failed')}`,
          ),
        ],
      };
    },
  };
}

/** Packages at fault that can be taken out by name: not where one of them came in with an approved patch, which would stay. */
async function nameable(db: Database, cycleId: string, packages: readonly string[]): Promise<readonly string[]> {
  const added = await db.cyclePatch.count({ where: { cycleId, decision: 'added', package: { in: [...packages] } } });
  return added > 0 ? [] : packages;
}

/** What a block, an exception or a failed test has decided: reject beats approve, also where something needs it. */
function rejectedAmong(added: readonly Patch[]) {
  return {
    package: { in: added.map((patch) => patch.package) },
    OR: [{ decision: { in: ['excepted', 'dropped'] } }, { rule: { in: ['block', 'breaker', 'skip'] } }],
  };
}

/** A row of a package that no update offered: it comes with one that was. */
function unoffered(patch: Patch) {
  return {
    package: patch.package,
    architecture: patch.architecture,
    fromVersion: patch.from,
    toVersion: patch.to,
    source: patch.package,
    sourceVersion: patch.to,
    origins: [],
    sizeBytes: 0,
    class: 'unknown',
    severity: 'unknown',
    cves: [],
    exploited: [],
  };
}

/** Unchanged needs a fact: that its updates were read and nothing of them was due. */
async function withoutPatches(
  db: Database,
  cycleId: string,
  endpointId: string,
): Promise<EndpointPlan['withoutPatches']> {
  const key = { cycleId, endpointId };
  const row = await db.cycleEndpoint.findUniqueOrThrow({ where: { cycleId_endpointId: key } });
  if (!row.surveyedAt)
    return { outcome: 'skipped', because: [`its updates could not be read: ${row.silentBecause ?? 'nobody asked'}`] };
  const open = await db.cyclePatch.findMany({ where: { ...key, decision: { in: ['dropped', 'waiting'] } } });
  if (open.length === 0) return { outcome: 'unchanged', because: ['nothing was due'] };
  return { outcome: 'skipped', because: open.map((one) => `${one.package}: ${one.because[0]}`) };
}

function segmentIs(segment: string) {
  return { segment: segment === 'without a segment' ? null : segment };
}

/** What an endpoint gets in a cycle, from its rows. The digest covers everything that is installed. */
export async function planOf(db: Database, policy: Policy, cycleId: string, endpointId: string): Promise<EndpointPlan> {
  const endpoint = await db.endpoint.findUniqueOrThrow({ where: { id: endpointId } });
  const rows = await db.cyclePatch.findMany({
    where: { cycleId, endpointId, decision: { in: planned } },
    orderBy: [{ package: 'asc' }, { architecture: 'asc' }],
  });
  const patches = rows.map(toPatch);
  const planDigest = digestOf(patches);
  const { generation } = endpoint;
  return {
    patches,
    withoutPatches: await withoutPatches(db, cycleId, endpointId),
    allowRemove: [],
    planDigest,
    generation,
    checks: policy.checks,
    reboot: policy.reboot,
    snapshotRequired: policy.snapshot.required,
    rollback: policy.rollback,
    installLimitMinutes,
    snapshotId: snapshotNameOf({ cycleId, endpointId, planDigest, generation }),
    attempt: 1,
  };
}
