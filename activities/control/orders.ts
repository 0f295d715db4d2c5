/** What people order of a cycle: halts, skips, rollbacks, its end, approvals, windows. */
import type { SignOff } from '../../domain/rollout/cycle.ts';
import { appendAudit } from '../../record/audit.ts';
import type { Tenants } from '../../record/database.ts';
import { readCycle } from '../../record/cycle.ts';
import { clientIdOf } from '../../domain/ids.ts';
import { orderHalt, orderResume, type OrderRequest } from '../../record/orders/halts.ts';
import { skip } from '../../record/orders/skips.ts';
import { cancelRollback, orderRollback } from '../../record/orders/rollbacks.ts';
import { cancellationOf, orderCancel } from '../../record/orders/cancellations.ts';
import { RecordRefusal } from '../../record/errors.ts';
import { skippedIn } from '../../record/patches/excluded.ts';
import { bound } from '../bound.ts';

type Ports = { tenants: Tenants };

export function orderActivities(ports: Ports) {
  return bound(ports, {
    orderHalt: ({ tenants }: Ports, order: OrderRequest) => orderHalt(tenants, order),
    orderResume: ({ tenants }: Ports, order: OrderRequest) => orderResume(tenants, order),
    skip: ({ tenants }: Ports, order: OrderRequest) => skip(tenants, order),
    orderRollback: ({ tenants }: Ports, order: OrderRequest) => orderRollback(tenants, order),
    orderCancel: ({ tenants }: Ports, order: Parameters<typeof orderCancel>[1]) => orderCancel(tenants, order),
    cancelRollback: ({ tenants }: Ports, order: Parameters<typeof cancelRollback>[1]) => cancelRollback(tenants, order),
    cancellationOf: ({ tenants }: Ports, cycle: Parameters<typeof cancellationOf>[1]) => cancellationOf(tenants, cycle),
    patchesSkipped,
    approveChangeRecord,
    openWindow,
  });
}

async function recordOrder(
  { tenants }: Ports,
  order: {
    cycleId: string;
    action: string;
    subject: string;
    /** When it was given: one person may give the same order again. */
    at: string;
    signOff: SignOff;
  },
): Promise<void> {
  const clientId = clientIdOf(order.cycleId);
  const { at } = order;
  await tenants.forClient(clientId).$transaction((tx) =>
    appendAudit(tx, clientId, [
      {
        key: `${order.cycleId} ${order.action} ${order.subject} by ${order.signOff.who} at ${at}`,
        at,
        actor: order.signOff.who,
        action: order.action,
        subject: order.subject,
        because: [order.signOff.why],
      },
    ]),
  );
}

/** How many patches people have skipped in a cycle. */
async function patchesSkipped({ tenants }: Ports, { cycleId }: { cycleId: string }): Promise<number> {
  return (await skippedIn(tenants.forClient(clientIdOf(cycleId)), cycleId)).length;
}

/** Counts one person's approval of the cycle's newest change record; `enough` when the policy asks for no more. */
async function approveChangeRecord(
  { tenants }: Ports,
  {
    cycleId,
    signOff,
    at,
  }: {
    cycleId: string;
    signOff: SignOff;
    at: string;
  },
): Promise<{ readonly enough: boolean }> {
  const { db } = await readCycle(tenants, cycleId);
  const record = await db.changeRecord.findFirst({ where: { cycleId }, orderBy: { writtenAt: 'desc' } });
  if (!record) throw new RecordRefusal('OrderRefused', `${cycleId} has no change record to approve`);
  const clientId = clientIdOf(cycleId);
  await db.approval.upsert({
    where: { changeRecordId_who: { changeRecordId: record.id, who: signOff.who } },
    create: { changeRecordId: record.id, clientId, who: signOff.who, why: signOff.why, at: new Date(at) },
    update: {},
  });
  await recordOrder(
    { tenants },
    {
      cycleId,
      action: 'approve change record',
      subject: `${record.id} ${record.digest}`,
      at,
      signOff,
    },
  );
  const approvals = await db.approval.count({ where: { changeRecordId: record.id } });
  return { enough: approvals >= record.personsAsked };
}

/** Opens a window now, for one site of the cycle or for all, besides the policy's own. */
async function openWindow(
  { tenants }: Ports,
  {
    cycleId,
    minutes,
    site,
    signOff,
    at,
  }: {
    cycleId: string;
    minutes: number;
    site: string | null;
    signOff: SignOff;
    at: string;
  },
): Promise<{ readonly because: readonly string[] }> {
  const clientId = clientIdOf(cycleId);
  const db = tenants.forClient(clientId);
  const named = site === null ? null : await db.site.findFirst({ where: { OR: [{ name: site }, { id: site }] } });
  if (site !== null && !named) throw new RecordRefusal('OrderRefused', `client ${clientId} has no site ${site}`);
  const opensAt = new Date(at);
  const closesAt = new Date(opensAt.getTime() + minutes * 60_000);
  const id = `${cycleId} window ${site ?? 'all sites'} by ${signOff.who} at ${at}`;
  await db.openedWindow.upsert({
    where: { id },
    create: {
      id,
      clientId,
      cycleId,
      siteId: named?.id ?? null,
      opensAt,
      closesAt,
      openedBy: signOff.who,
      reason: signOff.why,
    },
    update: {},
  });
  const subject = `${site ?? 'all sites'} until ${closesAt.toISOString()}`;
  await recordOrder({ tenants }, { cycleId, action: 'open window', subject, at, signOff });
  return { because: [`${signOff.who} opened a window for ${subject}: ${signOff.why}`] };
}
