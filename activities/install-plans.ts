/** Step 5 as rows: each endpoint's plan as its dry run shows it. */
import { idOf, patchKey } from '../domain/breaker.ts';
import type { PlannedInstall } from '../domain/plan.ts';
import type { EndpointPlan, SurveyOrder } from '../domain/cycle.ts';
import type { Patch } from '../domain/patch.ts';
import type { Policy } from '../domain/policy.ts';
import { digestOf } from './audit-trail.ts';
import { leftOutOf } from './left-out.ts';
import { snapshotNameOf } from './machines.ts';
import { toPatch } from './patch-sets.ts';
import type { Database, Tenants } from './ports/database.ts';
import { ofOtherReleases } from './releases.ts';
import { isPlanned } from './rows.ts';

/** An install that takes longer than this hangs. */
const installLimitMinutes = 60;

export function installPlanActivities({ tenants }: { tenants: Tenants }) {
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
  };
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

/** What an endpoint gets in a cycle, from its rows. The digest covers everything that is installed. */
export async function planOf(db: Database, policy: Policy, cycleId: string, endpointId: string): Promise<EndpointPlan> {
  const endpoint = await db.endpoint.findUniqueOrThrow({ where: { id: endpointId } });
  const rows = await db.cyclePatch.findMany({
    where: { cycleId, endpointId, ...isPlanned },
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
