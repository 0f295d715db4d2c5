/** What people ordered in a cycle, as its record tells it. */
import type { OrderFacts } from '../../domain/reports/cycle-facts.ts';
import type { Tenants } from '../database.ts';

/** As the audit names them. Approvals stand with the change record. */
const actions = [
  'halt',
  'resume',
  'skip',
  'roll back',
  'roll back ended',
  'cancel roll back',
  'cancel cycle',
  'advance',
  'go on',
  'open window',
  'release',
];

/** In the order in which they were given. An order to roll back is there again with what came of it. */
export async function readOrders(tenants: Tenants, cycleId: string, clientId: string): Promise<readonly OrderFacts[]> {
  const events = await tenants.forClient(clientId).auditEvent.findMany({
    where: {
      action: { in: actions },
      OR: [{ key: { startsWith: `${cycleId} ` } }, { key: { startsWith: `rollback/${cycleId}/` } }],
    },
    orderBy: { sequence: 'asc' },
  });
  return events
    .filter(({ key }) => !key.startsWith('rollback/') || /^\/\d+ /.test(key.slice(`rollback/${cycleId}`.length)))
    .map(({ at, actor, action, subject, because }) => ({
      order: action,
      about: aboutOf(subject, cycleId),
      who: actor,
      because,
      orderedAt: at.toISOString(),
    }));
}

function aboutOf(subject: string, cycleId: string): string {
  const order = `rollback/${cycleId}/`;
  if (subject.startsWith(order)) return `rollback ${subject.slice(order.length)}`;
  return subject === cycleId ? 'the cycle' : subject.replace(`${cycleId} `, '');
}
