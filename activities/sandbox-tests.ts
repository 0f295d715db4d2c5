/** Step 5 as rows: which plans are tried on clones, and what the tests say of the patches. */
import { type EndpointPlan, type SandboxOrder, type SandboxResult, type TestsVerdict, idIn } from '../domain/cycle.ts';
import type { Evidence } from '../domain/evidence.ts';
import { hashOf } from '../domain/hash.ts';
import { appendAudit, toJson } from './audit-trail.ts';
import { planOf } from './install-plans.ts';
import { sandboxNameOf } from './machines.ts';
import type { AuthorityPort } from './ports/authority.ts';
import type { Database, Tenants } from './ports/database.ts';
import { withSoundness } from './representatives.ts';
import { grouped, isPlanned, openCycleOf, referenceTo, waivedBy } from './rows.ts';

const sandboxCertificateDays = 1;

export function sandboxTestActivities({ tenants, authority }: { tenants: Tenants; authority: AuthorityPort }) {
  return {
    /**
     * One test for each segment that has something to install, on the endpoint whose plan is the longest of those that
     * are online and need no person; none where the policy waives the sandbox.
     */
    async testsToMake({ cycleId, attempt }: { cycleId: string; attempt: number }): Promise<readonly SandboxOrder[]> {
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      if (!policy.sandbox.required) return [];
      const rows = await db.cycleEndpoint.findMany({
        where: { cycleId, policyName: cycle.policyVersion.name, online: true },
        include: { endpoint: true, patches: { where: isPlanned } },
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
          where: { cycleId, ...isPlanned, ...whose },
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

function segmentIs(segment: string) {
  return { segment: segment === 'without a segment' ? null : segment };
}
