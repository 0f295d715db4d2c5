/** Step 5 as rows: each endpoint's plan as its dry run shows it. */
import { idOf } from '../../domain/patches/breaker.ts';
import type { PlannedInstall } from '../../domain/patches/plan.ts';
import type { SurveyInput } from '../../domain/rollout/cycle.ts';
import { type Patch, patchKey } from '../../domain/patch.ts';
import { excludedFrom } from '../../record/patches/excluded.ts';
import type { Tenants, Database } from '../../record/database.ts';
import { toPatch } from '../../record/endpoints/plans.ts';
import type { Inventory } from '../../domain/endpoints/endpoint.ts';
import { otherOsRelease } from '../../domain/endpoints/os-release.ts';
import { bound } from '../bound.ts';

type Ports = { tenants: Tenants };

export function installPlanActivities(ports: Ports) {
  return bound(ports, {
    patchesToPlan,
    recordPlan,
  });
}

async function patchesToPlan(
  { tenants }: Ports,
  { input, endpointId }: { input: SurveyInput; endpointId: string },
): Promise<readonly Patch[]> {
  const { cycleId, clientId } = input;
  const db = tenants.forClient(clientId);
  const approved = { cycleId, endpointId, decision: 'approved' };
  const rows = await db.cyclePatch.findMany({
    where: approved,
    orderBy: [{ package: 'asc' }, { architecture: 'asc' }],
  });
  // What was approved may have been stopped for everyone, or skipped, since.
  const excluded = await excludedFrom(tenants, cycleId, rows.map(toPatch));
  for (const { package: name, architecture, rule, because } of excluded)
    await db.cyclePatch.updateMany({
      where: { ...approved, package: name, architecture },
      data: { decision: 'dropped', rule, because: [because] },
    });
  const elsewhere = await ofOtherOsReleases(db, input, endpointId, rows);
  for (const { row, because } of elsewhere)
    await db.cyclePatch.updateMany({
      where: { ...approved, package: row.package, architecture: row.architecture },
      data: { decision: 'dropped', because: [because] },
    });
  const gone = new Set([...excluded, ...elsewhere.map(({ row }) => idOf(toPatch(row)))].map(patchKey));
  return rows.map(toPatch).filter((patch) => !gone.has(patchKey(idOf(patch))));
}

/** Records what the dry run added to an endpoint's plan, and what had to leave it. */
async function recordPlan(
  { tenants }: Ports,
  {
    input,
    endpointId,
    planned,
  }: {
    input: SurveyInput;
    endpointId: string;
    planned: PlannedInstall;
  },
): Promise<void> {
  const { cycleId, clientId } = input;
  const key = { cycleId, endpointId };
  const excluded = await excludedFrom(tenants, cycleId, planned.added);
  await tenants.forClient(clientId).$transaction(async (tx) => {
    // An earlier plan's additions are drawn again; what was offered goes back to what was decided of it.
    await tx.cyclePatch.deleteMany({ where: { ...key, decision: 'added', origins: { isEmpty: true } } });
    await tx.cyclePatch.updateMany({ where: { ...key, decision: 'added' }, data: { decision: 'waiting' } });
    for (const { package: name, because } of planned.dropped) {
      await tx.cyclePatch.updateMany({
        where: { ...key, package: name, decision: 'approved' },
        data: { decision: 'dropped', because: [`the dry run says: ${because}`] },
      });
    }
    const rejected = await tx.cyclePatch.findMany({ where: { ...key, ...rejectedAmong(planned.added) } });
    const refused = [...rejected, ...excluded];
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

/**
 * Updates of another release than the endpoint's (rule 15: docs/rules.md#rule-15), each with why: its repository's
 * suite has moved on.
 */
async function ofOtherOsReleases<Row extends { readonly origins: readonly string[] }>(
  db: Database,
  { cycleId }: SurveyInput,
  endpointId: string,
  rows: readonly Row[],
): Promise<readonly { readonly row: Row; readonly because: string }[]> {
  const known = await db.inventory.findFirst({ where: { cycleId, endpointId }, orderBy: { takenAt: 'desc' } });
  const os = (known?.content as unknown as Inventory | undefined)?.os;
  if (!os) return [];
  return rows.flatMap((row) => {
    const because = otherOsRelease(row.origins, os);
    return because ? [{ row, because }] : [];
  });
}
