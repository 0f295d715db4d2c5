/** Orders to cycles from outside, while no worker runs at all: what is on record then, and what the command says. */
import { expect, onTestFinished, test } from 'vitest';
import { permitActivities } from '../../activities/control/permits.ts';
import { rollbackAdmissionActivities } from '../../activities/control/rollback-admission.ts';
import type { NamedTarget } from '../../domain/rollout/halt.ts';
import { startCycle } from '../../operator/cycles.ts';
import { cancelCycle, haltPart, resumePart, rollBackPart, skipPart, sendOrder } from '../../operator/orders.ts';
import { type PlantedMember, plantCycle, plantRecord } from '../setup/record/planted-cycle.ts';
import { appliedClient, temporalClient } from '../setup/record/applied-client.ts';
import { idIn } from '../../domain/ids.ts';
import { haltsInForce, orderHalt, orderResume } from '../../record/orders/halts.ts';

const lee = { who: 'lee', why: 'phones are down' };
const dana = { who: 'dana', why: 'the shop opens' };

/** A cycle that was started, and that no worker has taken up. */
async function waitingCycle() {
  const [client, temporal] = await Promise.all([appliedClient(), temporalClient()]);
  const connections = { tenants: client.tenants, temporal: async () => temporal };
  const { clientId } = client;
  const { cycleId } = await startCycle(connections, { clientId, policyName: 'servers', startedBy: 'dana' });
  onTestFinished(() =>
    temporal.workflow
      .getHandle(cycleId)
      .terminate()
      .then(
        () => undefined,
        () => undefined,
      ),
  );
  return { ...client, connections, temporal, cycleId };
}

/** The same as it stands in the middle of its rollout, with the rows its workflow would have written. */
async function openCycle(members: readonly PlantedMember[]) {
  const waiting = await waitingCycle();
  const { tenants, clientId, cycleId } = waiting;
  await plantCycle(tenants, clientId, { cycleId, members });
  const rings = [...new Set(members.map(({ ring = 'canary' }) => ring))];
  await plantRecord(tenants, clientId, cycleId, rings);
  return { ...waiting, db: tenants.forClient(clientId) };
}

const members: readonly PlantedMember[] = [
  { endpoint: 'berlin-web-1', ring: 'canary', state: 'ended', outcome: 'patched' },
  { endpoint: 'berlin-web-2', ring: 'rest', state: 'in flight' },
  { endpoint: 'berlin-db-1', ring: 'rest' },
  { endpoint: 'chicago-web-1', ring: 'rest', state: 'waiting' },
];

test('a halt is in force though no worker answers, and is released the same way', async () => {
  const { connections, tenants, clientId, cycleId } = await waitingCycle();
  expect(await haltPart(connections, cycleId, lee, {})).toMatch(
    /on record and in force, though no worker has answered/,
  );
  const db = tenants.forClient(clientId);
  expect(await haltsInForce(db, cycleId)).toMatchObject([{ scope: 'cycle', orderedBy: 'lee', reason: lee.why }]);
  await expect(haltPart(connections, cycleId, dana, {})).rejects.toThrow(
    'lee has halted the cycle already: phones are down',
  );
  expect(await resumePart(connections, cycleId, dana, {})).toMatch(/is released, though no worker has answered/);
  expect(await haltsInForce(db, cycleId)).toEqual([]);
  await expect(resumePart(connections, cycleId, lee, {})).rejects.toThrow(/nothing to resume: no halt of the cycle/);
  const audit = await db.auditEvent.findMany({ where: { subject: cycleId }, orderBy: { sequence: 'asc' } });
  expect(audit.map(({ actor, action, because }) => [actor, action, because])).toEqual([
    ['lee', 'halt', [lee.why]],
    ['dana', 'resume', [dana.why]],
  ]);
});

test('a halt is in force though Temporal cannot be reached, and says so', async () => {
  const { connections, tenants, clientId, cycleId, temporal } = await openCycle(members);
  const cutOff = { ...connections, temporal: () => Promise.reject(new Error('connection refused')) };
  await expect(haltPart(cutOff, cycleId, lee, {})).rejects.toThrow(
    /on record and in force\. It could not be sent to the cycle: connection refused/,
  );
  expect(await haltsInForce(tenants.forClient(clientId), cycleId)).toMatchObject([{ orderedBy: 'lee' }]);
  await temporal.workflow.getHandle(cycleId).terminate();
  expect(await haltPart(connections, cycleId, lee, {})).toMatch(/^Halted/);
  expect(await haltsInForce(tenants.forClient(clientId), cycleId)).toHaveLength(1);
});

test('a cycle that has closed is halted too, for the sake of its catch-ups', async () => {
  const { connections, temporal, cycleId, db } = await openCycle(members);
  await temporal.workflow.getHandle(cycleId).terminate();
  expect(await haltPart(connections, cycleId, lee, {})).toMatch(/has closed, and its catch-ups/);
  expect(await haltsInForce(db, cycleId)).toHaveLength(1);
  expect(await resumePart(connections, cycleId, lee, {})).toMatch(/has closed, and its catch-ups go on/);
});

test('no order is given to a cycle that there never was', async () => {
  const { connections, tenants, clientId } = await waitingCycle();
  for (const cycleId of [`cycle/${clientId}/servers/1999-12-31`, 'nonsense'])
    for (const give of [haltPart, resumePart, skipPart, rollBackPart])
      await expect(give(connections, cycleId, lee, {})).rejects.toThrow(/There is no cycle/);
  expect(await tenants.everybody.halt.count()).toBe(0);
});

test('what is halted refuses permits for its own effects, not for those of others, and lets what was started finish', async () => {
  const { clientId, cycleId, tenants, db } = await openCycle(members);
  const permits = permitActivities({ tenants });
  const permit = async (endpoint: string, patches: readonly string[] = [], finishes = false) => {
    const effect = { clientId, cycleId, endpointId: idIn(clientId, endpoint), patches, finishes };
    const site = idIn(clientId, endpoint.split('-')[0] ?? '');
    const given = await permits.issuePermit({ ...effect, siteId: site });
    return 'refusedBecause' in given ? given.refusedBecause.join() : 'given';
  };
  const order = (named: NamedTarget) => ({ cycleId, named, signOff: lee, at: new Date().toISOString() });
  await orderHalt(tenants, order({ endpoint: 'berlin-db-1' }));
  expect(await permit('berlin-db-1')).toBe('endpoint berlin-db-1 halted by lee: phones are down');
  expect(await permit('berlin-db-1', [], true)).toBe('given');
  expect(await permit('berlin-web-2')).toBe('given');
  await orderHalt(tenants, order({ site: 'chicago' }));
  expect(await permit('chicago-web-1')).toBe('site chicago halted by lee: phones are down');
  await orderHalt(tenants, order({ ring: 'rest' }));
  expect(await permit('berlin-web-2')).toBe('ring rest halted by lee: phones are down');
  expect(await permit('berlin-web-1')).toBe('given');

  // The release of one takes back no other.
  await orderResume(tenants, order({ ring: 'rest' }));
  expect(await permit('berlin-web-2')).toBe('given');
  expect(await permit('chicago-web-1')).toContain('site chicago');
  expect((await haltsInForce(db, cycleId)).map(({ scope }) => scope)).toEqual(['endpoint', 'site']);
});

test('an order about what is not there, or has ended, is refused with what there is', async () => {
  const { connections, cycleId, db } = await openCycle(members);
  const refusals: readonly [Parameters<typeof haltPart>[3], RegExp][] = [
    [{ ring: 'early' }, /has no ring early; it has canary, rest$/],
    [{ site: 'tokyo' }, /has no site tokyo; it has berlin, chicago$/],
    [{ endpoint: 'web-9' }, /has no endpoint web-9; it has berlin-db-1, berlin-web-1,/],
    [{ patch: 'openssl' }, /has no patch openssl; it has none yet$/],
    [{ ring: 'rest', site: 'berlin' }, /one part of a cycle, not ring and site$/],
    [{ ring: ' ' }, /say which ring$/],
    [{ ring: 'canary' }, /ring canary has ended in .*: nothing of it is left to halt$/],
  ];
  for (const [named, refusal] of refusals)
    await expect(haltPart(connections, cycleId, lee, named)).rejects.toThrow(refusal);
  await expect(skipPart(connections, cycleId, lee, {})).rejects.toThrow(/a whole cycle is cancelled, not skipped/);
  await expect(skipPart(connections, cycleId, lee, { endpoint: 'berlin-web-1' })).rejects.toThrow(
    /left to skip: 1 patched/,
  );
  await expect(rollBackPart(connections, cycleId, lee, { endpoint: 'berlin-db-1' })).rejects.toThrow(
    /has patched nothing/,
  );
  expect(await db.halt.count()).toBe(0);
});

test('a skip ends who has not started, with who and why, and leaves who has', async () => {
  const { connections, cycleId, db } = await openCycle(members);
  expect(await skipPart(connections, cycleId, dana, { ring: 'rest' })).toMatch(
    /^2 of 3 endpoints of ring rest skipped by dana/,
  );
  const rows = await db.cycleEndpoint.findMany({ where: { cycleId }, orderBy: { ringOrder: 'asc' } });
  expect(rows.map((row) => row.outcome ?? row.state)).toEqual(['patched', 'in flight', 'skipped', 'skipped']);
  expect(rows[2]?.reasons).toEqual(['skipped by dana: the shop opens']);
});

test('a cycle is cancelled by name, and halted until it has heard of it', async () => {
  const { connections, cycleId, db } = await openCycle(members);
  expect(await cancelCycle(connections, cycleId, dana)).toMatch(/needs a worker, though no worker has answered/);
  expect(await haltsInForce(db, cycleId)).toMatchObject([{ reason: 'cancelled: the shop opens' }]);
  const audit = await db.auditEvent.findMany({ where: { action: 'cancel cycle' } });
  expect(audit).toMatchObject([{ actor: 'dana', because: [dana.why], subject: cycleId }]);
});

test('an order that lets a cycle go on says within seconds that no worker took it, and what to do', async () => {
  const { connections, cycleId } = await waitingCycle();
  const window = { ...lee, minutes: 60 };
  const orders = [
    sendOrder(connections, cycleId, 'approve', lee),
    sendOrder(connections, cycleId, 'advance', lee),
    sendOrder(connections, cycleId, 'openWindow', window),
  ];
  const refusal = /not taken, though no worker has answered within 5 seconds.* patchcycle status; .* cycle show/;
  await Promise.all(orders.map((order) => expect(order).rejects.toThrow(refusal)));
});

test('a rollback takes the newest ring first, and never two of one redundancy group together', async () => {
  const patched = { state: 'ended', outcome: 'patched' };
  const { connections, temporal, cycleId, clientId, tenants, db } = await openCycle([
    { endpoint: 'chicago-web-1', ring: 'canary', ...patched },
    { endpoint: 'chicago-app-1', ring: 'rest', ...patched },
    { endpoint: 'chicago-app-2', ring: 'rest', ...patched },
  ]);
  const { orderId } = await rollBackPart(connections, cycleId, lee, {});
  onTestFinished(async () => void (await temporal.workflow.getHandle(orderId).terminate()));
  expect(orderId).toBe(`rollback/${cycleId}/1`);
  // What it proved is taken back: nobody gets more of it.
  expect(await haltsInForce(db, cycleId)).toMatchObject([{ scope: 'cycle', orderedBy: 'lee' }]);
  expect((await rollBackPart(connections, cycleId, lee, {})).orderId).toBe(orderId);
  await expect(rollBackPart(connections, cycleId, dana, {})).rejects.toThrow(
    'lee has ordered the cycle to be rolled back',
  );

  const activities = rollbackAdmissionActivities({ tenants });
  const target = { scope: 'cycle', subject: cycleId } as const;
  const order = { orderId, cycleId, clientId, target, signOff: lee, because: [] };
  const admitted = async (inFlight: readonly string[]) =>
    (await activities.admitRollbacks({ order, inFlight, tried: [] })).start.map(({ endpointId }) => endpointId);
  const first = await admitted([]);
  expect(first).toHaveLength(1);
  expect(first[0]).toMatch(/chicago-app-/);
  // A lost answer is told again; one that arrived is not.
  expect(await admitted([])).toEqual(first);
  expect(await admitted(first)).toEqual([]);
  await rolledBack(first);
  const second = await admitted([]);
  expect(second).toHaveLength(1);
  expect([...first, ...second].toSorted()).toEqual(
    ['chicago-app-1', 'chicago-app-2'].map((one) => idIn(clientId, one)),
  );
  await rolledBack(second);
  expect(await admitted([])).toEqual([idIn(clientId, 'chicago-web-1')]);

  function rolledBack(endpointIds: readonly string[]) {
    return db.cycleEndpoint.updateMany({
      where: { cycleId, endpointId: { in: [...endpointIds] } },
      data: { state: 'ended', outcome: 'rolled_back' },
    });
  }
});

test('an endpoint that a later cycle has patched is not rolled back past it', async () => {
  const patched = { endpoint: 'chicago-web-1', ring: 'all', outcome: 'patched' };
  const { connections, cycleId, clientId, tenants } = await openCycle([patched]);
  const later = `${cycleId}/2`;
  await plantCycle(tenants, clientId, { cycleId: later, number: 2, members: [patched] });
  await expect(rollBackPart(connections, cycleId, lee, { endpoint: 'chicago-web-1' })).rejects.toThrow(
    `${later} has worked on it since: roll that back first`,
  );
});
