/** What an endpoint gets in a cycle, from its rows. */
import { type Patch, patchName } from '../../domain/patch.ts';
import type { Database } from '../database.ts';
import type { EndpointPlan } from '../../domain/rollout/cycle.ts';
import type { Policy } from '../../domain/policies/policy.ts';
import { digestOf } from '../audit.ts';
import { snapshotNameOf } from '../names.ts';

/** Of a patch set: what is, or is about to be, in the change record. */
export const wherePlanned = { decision: { in: ['approved', 'added'] } };

type PatchRow = {
  readonly package: string;
  readonly architecture: string;
  readonly fromVersion: string | null;
  readonly toVersion: string;
};

export function toPatch(row: PatchRow): Patch {
  return { package: row.package, architecture: row.architecture, from: row.fromVersion, to: row.toVersion };
}

/** In the order in which a plan has its patches: its digest depends on it. */
export const inPlanOrder = [{ package: 'asc' }, { architecture: 'asc' }] as const;

/** What rows in the order of a plan install. The digest covers all of it. */
export function installOf(rows: readonly PatchRow[]): Pick<EndpointPlan, 'patches' | 'planDigest'> {
  const patches = rows.map(toPatch);
  return { patches, planDigest: digestOf(patches) };
}

/** An install that takes longer than this hangs. */
const installLimitMinutes = 60;

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

/** What an endpoint gets in a cycle, from its rows. */
export async function planOf(db: Database, policy: Policy, cycleId: string, endpointId: string): Promise<EndpointPlan> {
  const endpoint = await db.endpoint.findUniqueOrThrow({ where: { id: endpointId } });
  const rows = await db.cyclePatch.findMany({
    where: { cycleId, endpointId, ...wherePlanned },
    orderBy: [...inPlanOrder],
  });
  const { patches, planDigest } = installOf(rows);
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

/** A patch of a plan as halts name it. */
export function patchOfRow(patch: { readonly package: string; readonly toVersion: string }): string {
  return patchName({ package: patch.package, version: patch.toVersion });
}
