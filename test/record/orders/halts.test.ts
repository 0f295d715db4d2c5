/** Orders to halt, as activities that Temporal may run twice. */
import { expect, it } from 'vitest';
import { orderHalt, orderResume } from '../../../record/orders/halts.ts';
import { MemoryDatabase } from '../../simulator/world/database/database.ts';

const cycleId = 'cycle/acme/servers/2026-11-22';
const halt = { cycleId, named: {}, signOff: { who: 'kim', why: 'a fire' }, at: '2026-11-22T10:00:00.000Z' };

it('leaves a halt released when its order is carried out again because the answer was lost', async () => {
  const tenants = new MemoryDatabase(() => undefined);
  await orderHalt(tenants, halt);
  await orderResume(tenants, { ...halt, signOff: { who: 'dana', why: 'it is out' }, at: '2026-11-22T10:01:00.000Z' });
  await orderHalt(tenants, halt);
  expect(tenants.rows('Halt')).toMatchObject([{ releasedBy: 'dana' }]);
});
