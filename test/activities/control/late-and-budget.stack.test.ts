/** Who may start at a site, and who comes late: decided on rows of several cycles at once, by a real database. */
import { expect, test } from 'vitest';
import { admissionActivities } from '../../../activities/control/admission.ts';
import { toJson } from '../../../record/audit.ts';
import { catchUpActivities } from '../../../activities/control/catch-up.ts';
import type { Tenants } from '../../../record/database.ts';
import type { EndpointInput } from '../../../domain/rollout/cycle.ts';
import type { Policy } from '../../../domain/policies/policy.ts';
import { applyClient } from '../../../operator/apply.ts';
import { waitOf, windowsAt } from '../../../operator/windows.ts';
import { appliedClient } from '../../setup/record/applied-client.ts';

const hour = 3_600_000;
const after = (milliseconds: number) => new Date(Date.now() + milliseconds);
const openUntil = (milliseconds: number) => [
  { opensAt: after(-hour).toISOString(), closesAt: after(milliseconds).toISOString(), words: 'tonight' },
];

type Made = { kind?: string; state?: string; startedAt?: Date; windowEndsIn?: number; advisory?: string };
type Member = { state?: string; outcome?: string; waitingFor?: string; patch?: string; [column: string]: unknown };

async function prepared() {
  const client = await appliedClient();
  const { tenants, clientId, files } = client;
  const db = tenants.forClient(clientId);
  await db.endpoint.updateMany({ data: { enrolledAt: new Date(), address: { host: '10.77.1.2', port: 7443 } } });
  const policy = files.policies.find(({ name }) => name === 'servers');
  if (!policy) throw new Error('The example has no policy servers.');
  const id = (name: string) => `${name}.${clientId}`;
  const admissions = admissionActivities({ tenants });
  const catchUps = catchUpActivities({ tenants });

  const makeCycle = async (name: string, members: Readonly<Record<string, Member>>, made: Made = {}) => {
    const cycleId = `cycle/${clientId}/servers/${name}`;
    const windows = openUntil(made.windowEndsIn ?? 4 * hour);
    await db.cycle.create({
      data: {
        id: cycleId,
        clientId,
        policyVersionId: `${clientId}/servers/1`,
        kind: made.kind ?? 'standard',
        advisory: made.advisory ?? null,
        trigger: 'on demand',
        startedBy: 'dana',
        civilDate: name,
        number: 1,
        startedAt: made.startedAt ?? new Date(),
        state: made.state ?? 'running',
        windows: toJson({ [id('berlin')]: windows, [id('chicago')]: windows }),
        policy: toJson({ ...policy, budget: { count: 1 } } satisfies Policy),
      },
    });
    let ringOrder = 0;
    for (const [endpoint, { patch, ...columns }] of Object.entries(members)) {
      const siteId = id(endpoint.startsWith('berlin') ? 'berlin' : 'chicago');
      const row = {
        cycleId,
        clientId,
        endpointId: id(endpoint),
        siteId,
        online: true,
        policyName: 'servers',
        ring: 'all',
      };
      await db.cycleEndpoint.create({
        data: { ...row, ringOrder, because: [], ringBecause: [], reasons: [], ...columns },
      });
      ringOrder += 1;
      if (patch) await makePatch(tenants, { cycleId, clientId, endpointId: id(endpoint) }, patch);
    }
    return { cycleId, clientId, ring: 'all' };
  };
  const admit = async (order: { cycleId: string; clientId: string; ring: string }) => {
    const rows = await db.cycleEndpoint.findMany({ where: { cycleId: order.cycleId } });
    const online = rows.map(({ endpointId }) => endpointId);
    const { start, lookAgainInSeconds } = await admissions.admit({ input: order, asked: online, online, inFlight: [] });
    return { started: start.map(({ endpointId }) => endpointId.split('.')[0]), lookAgainInSeconds };
  };
  const rowOf = (order: { cycleId: string }, endpoint: string) =>
    db.cycleEndpoint.findUniqueOrThrow({
      where: { cycleId_endpointId: { cycleId: order.cycleId, endpointId: id(endpoint) } },
    });
  const orderFor = (order: { cycleId: string; clientId: string; ring: string }, endpoint: string): EndpointInput => ({
    ...order,
    endpointId: id(endpoint),
    address: { host: '10.77.1.2', port: 7443 },
    taskQueue: `site/${id('berlin')}`,
  });
  return { ...client, db, policy, id, admissions, catchUps, makeCycle, admit, rowOf, orderFor };
}

async function makePatch(
  tenants: Tenants,
  key: { cycleId: string; clientId: string; endpointId: string },
  name: string,
): Promise<void> {
  await tenants.forClient(key.clientId).cyclePatch.create({
    data: {
      ...key,
      package: name,
      architecture: 'amd64',
      fromVersion: '1',
      toVersion: '2',
      source: name,
      sourceVersion: '2',
      origins: ['Debian-Security:12/oldstable-security'],
      sizeBytes: 100_000,
      class: 'security',
      severity: 'critical',
      cves: ['CVE-2026-12345'],
      exploited: [],
      decision: 'approved',
      because: [],
    },
  });
}

test('two cycles share one budget of a site, and what failed in one counts in the other', async () => {
  const { makeCycle, admit, db } = await prepared();
  const one = await makeCycle('2026-11-01', { 'berlin-web-1': {}, 'berlin-db-1': {} });
  const other = await makeCycle('2026-11-02', { 'berlin-web-2': {} });
  expect((await admit(one)).started).toEqual(['berlin-web-1']);
  expect(await admit(other)).toEqual({ started: [], lookAgainInSeconds: 60 });
  const failed = { state: 'ended', outcome: 'rolled_back', endedAt: new Date() };
  await db.cycleEndpoint.updateMany({ where: { cycleId: one.cycleId, state: 'admitted' }, data: failed });
  expect(await admit(other)).toEqual({ started: [], lookAgainInSeconds: null });
  await db.cycle.update({ where: { id: one.cycleId }, data: { state: 'finished' } });
  expect((await admit(other)).started).toEqual(['berlin-web-2']);
});

test('cycles that ask for one site at the same moment admit no more than its budget together', async () => {
  const { makeCycle, admit } = await prepared();
  const one = await makeCycle('2026-11-01', { 'berlin-web-1': {} });
  const other = await makeCycle('2026-11-02', { 'berlin-db-1': {} });
  const both = await Promise.all([admit(one), admit(other), admit(one), admit(other)]);
  expect(new Set(both.flatMap(({ started }) => started)).size).toBe(1);
});

test('one in quarantine uses the budget of later cycles too, until a later work has proven it', async () => {
  const { makeCycle, admit, db, id } = await prepared();
  const ended = { state: 'ended', endedAt: after(-24 * hour) };
  await makeCycle('2026-10-01', { 'berlin-db-1': { ...ended, outcome: 'quarantined' } }, { state: 'finished' });
  const later = await makeCycle('2026-11-01', { 'berlin-web-1': {}, 'berlin-db-1': { state: 'waiting' } });
  // It is tried again in its own place, and nobody else beside it.
  expect((await admit(later)).started).toEqual(['berlin-db-1']);
  const proven = { state: 'ended', outcome: 'patched', endedAt: new Date() };
  await db.cycleEndpoint.updateMany({ where: { cycleId: later.cycleId, endpointId: id('berlin-db-1') }, data: proven });
  expect((await admit(later)).started).toEqual(['berlin-web-1']);
});

test('members of a redundancy group at two sites are never in flight together', async () => {
  const { makeCycle, admit, db } = await prepared();
  await db.endpoint.updateMany({ data: { redundancyGroup: 'everywhere' } });
  const input = await makeCycle('2026-11-01', { 'berlin-web-1': {}, 'chicago-web-1': {} });
  expect((await admit(input)).started).toEqual(['berlin-web-1']);
});

test('what waits for a standard cycle steps back for an emergency, and what has started goes on', async () => {
  const { makeCycle, admit, rowOf, db } = await prepared();
  const standard = await makeCycle('2026-11-01', { 'berlin-web-1': {}, 'berlin-web-2': {}, 'chicago-web-1': {} });
  expect((await admit(standard)).started).toEqual(['berlin-web-1', 'chicago-web-1']);
  const emergency = await makeCycle('2026-11-02', { 'berlin-db-1': {} }, { kind: 'emergency' });
  expect((await admit(emergency)).started).toEqual([]);
  expect(await rowOf(standard, 'berlin-web-1')).toMatchObject({ state: 'admitted' });

  const done = { state: 'ended', outcome: 'patched', endedAt: new Date() };
  await db.cycleEndpoint.updateMany({ where: { cycleId: standard.cycleId, state: 'admitted' }, data: done });
  expect((await admit(standard)).started).toEqual([]);
  expect((await rowOf(standard, 'berlin-web-2')).reasons).toEqual([
    `${emergency.cycleId} goes first at its site: ${(await rowOf(emergency, 'berlin-db-1')).endpointId} waits`,
  ]);
  expect((await admit(emergency)).started).toEqual(['berlin-db-1']);
});

test('of a ring larger than can be asked at once, nobody is taken for silent who was not asked, and everybody is asked', async () => {
  const { makeCycle, admissions, db, id, clientId } = await prepared();
  const site = await db.site.findUniqueOrThrow({ where: { id: id('berlin') } });
  const names = Array.from({ length: 250 }, (_, number) => `berlin-desk-${number}`);
  const stated = { clientId, siteId: site.id, criticality: 'low', tags: [], enrolledAt: new Date() };
  const address = { host: '10.77.1.2', port: 7443 };
  await db.endpoint.createMany({ data: names.map((name) => ({ id: id(name), name, address, ...stated })) });
  const input = await makeCycle('2026-11-01', Object.fromEntries(names.map((name) => [name, {}])));

  const ask = async () =>
    (await admissions.ringMembersToAsk(input)).flatMap(({ agents }) => agents.map((one) => one.endpointId));
  const first = await ask();
  expect(first).toHaveLength(200);
  // All of them are off; the others have not been asked, and are next.
  const none = await admissions.admit({ input, asked: first, online: [], inFlight: [] });
  expect(none).toMatchObject({ start: [], lookAgainInSeconds: 1 });
  expect(await db.cycleEndpoint.count({ where: { cycleId: input.cycleId, waitingFor: 'offline' } })).toBe(200);
  const second = await ask();
  expect(second.slice(0, 50).some((endpointId) => first.includes(endpointId))).toBe(false);
  const { start } = await admissions.admit({ input, asked: second, online: second.slice(0, 50), inFlight: [] });
  expect(start.map(({ endpointId }) => endpointId)).toEqual([second[0]]);
});

test('just before the install it is asked again: of the window what is left, and of halts what came since', async () => {
  const { makeCycle, admit, admissions, orderFor, rowOf, db, clientId } = await prepared();
  const input = await makeCycle('2026-11-01', { 'berlin-web-1': { patch: 'curl' } }, { windowEndsIn: 20 * 60_000 });
  const asked = { input: orderFor(input, 'berlin-web-1') };
  expect((await admit(input)).started).toEqual(['berlin-web-1']);
  expect(await admissions.mayStillStart(asked)).toEqual({ starts: true });
  expect((await rowOf(input, 'berlin-web-1')).installFromAt).not.toBeNull();

  const windows = { [(await rowOf(input, 'berlin-web-1')).siteId]: openUntil(5 * 60_000) };
  await db.cycle.update({ where: { id: input.cycleId }, data: { windows } });
  expect(await admissions.mayStillStart(asked)).toMatchObject({ starts: false, waitingFor: 'window' });

  const signOff = { orderedBy: 'lee', reason: 'the phones are down', orderedAt: new Date() };
  const target = { scope: 'endpoint', subject: asked.input.endpointId };
  await db.halt.create({ data: { id: 'halt', clientId, cycleId: input.cycleId, ...target, ...signOff } });
  expect(await admissions.mayStillStart(asked)).toMatchObject({
    starts: false,
    waitingFor: 'ring',
    because: [expect.stringContaining('the phones are down')],
  });
});

test('how long it takes is learned from earlier outcomes, and an endpoint that was slow needs a longer window', async () => {
  const { makeCycle, admit, rowOf } = await prepared();
  const took = (minutes: number) => ({
    state: 'ended',
    outcome: 'patched',
    patchSetKind: 'small without reboot',
    startedAt: after(-30 * 24 * hour),
    endedAt: after(-30 * 24 * hour + minutes * 60_000),
  });
  for (let week = 1; week <= 9; week += 1)
    await makeCycle(`2026-08-0${week}`, { 'berlin-web-1': took(3), 'berlin-web-2': took(50) }, { state: 'finished' });
  const members = { 'berlin-web-2': { patch: 'curl' }, 'berlin-web-1': { patch: 'curl' } };
  const input = await makeCycle('2026-11-01', members, { windowEndsIn: 30 * 60_000 });
  expect((await admit(input)).started).toEqual(['berlin-web-1']);
  expect((await rowOf(input, 'berlin-web-1')).expectation).toMatchObject({ minutes: 8 });
  expect(await rowOf(input, 'berlin-web-2')).toMatchObject({ state: 'waiting', waitingFor: 'window' });
});

test('a straggler whose patch was blocked meanwhile waits for an approval, and goes on when the block is gone', async () => {
  const { makeCycle, catchUps, orderFor, rowOf, tenants, files, policy } = await prepared();
  const input = await makeCycle(
    '2026-11-01',
    { 'berlin-web-1': { state: 'waiting', patch: 'curl' } },
    { state: 'finished' },
  );
  const turn = () => catchUps.mayCatchUp({ input: orderFor(input, 'berlin-web-1') });
  expect(await turn()).toMatchObject({ verdict: 'go' });

  const block = [
    { package: 'curl', versions: null, because: 'it breaks the till', owner: 'dana', until: '2099-01-01' },
  ];
  await applyClient(tenants, { ...files, policies: [{ ...policy, block }] }, 'dana');
  expect(await turn()).toMatchObject({ verdict: 'wait', because: [expect.stringContaining('it breaks the till')] });
  expect(await rowOf(input, 'berlin-web-1')).toMatchObject({ state: 'waiting', waitingFor: 'approval' });

  await applyClient(tenants, files, 'dana');
  expect(await turn()).toMatchObject({ verdict: 'go' });
});

test('a straggler whose patch is stopped for everyone waits until a person releases it', async () => {
  const { makeCycle, catchUps, orderFor, tenants } = await prepared();
  const input = await makeCycle(
    '2026-11-01',
    { 'berlin-web-1': { state: 'waiting', patch: 'curl' } },
    { state: 'finished' },
  );
  const patch = { package: 'curl', architecture: 'amd64', version: '2' };
  await tenants.everybody.patchBreaker.create({ data: { ...patch, inForce: true, because: [] } });
  const turn = await catchUps.mayCatchUp({ input: orderFor(input, 'berlin-web-1') });
  expect(turn).toMatchObject({ verdict: 'wait', because: [expect.stringContaining('stopped provider-wide')] });
});

test('a straggler ends as superseded by a newer version or a later cycle, and with a cycle that was cancelled', async () => {
  const { makeCycle, catchUps, orderFor, rowOf } = await prepared();
  const waiting = { state: 'waiting', patch: 'curl' };
  const all = { 'berlin-web-1': waiting, 'berlin-web-2': waiting, 'berlin-db-1': waiting };
  const input = await makeCycle('2026-11-01', all, { state: 'finished', startedAt: after(-hour) });
  const offer = {
    package: 'curl',
    architecture: 'amd64',
    from: '1',
    source: 'curl',
    sourceVersion: '3',
    origins: [],
    sizeBytes: 1,
  };
  const first = orderFor(input, 'berlin-web-1');
  expect(await catchUps.isStillPending({ input: first, offered: [{ ...offer, to: '2' }] })).toBe(true);
  expect(await catchUps.isStillPending({ input: first, offered: [{ ...offer, to: '3' }] })).toBe(false);
  expect(await rowOf(input, 'berlin-web-1')).toMatchObject({ state: 'ended', outcome: 'superseded' });

  const later = await makeCycle('2026-11-02', { 'berlin-web-2': {} });
  expect(await catchUps.mayCatchUp({ input: orderFor(input, 'berlin-web-2') })).toMatchObject({ verdict: 'over' });
  expect((await rowOf(input, 'berlin-web-2')).reasons).toEqual([`superseded by ${later.cycleId}`]);

  // An emergency patches one thing alone: the standard cycle's plan is still to be done.
  await makeCycle('2026-11-03', { 'berlin-db-1': {} }, { kind: 'emergency' });
  expect(await catchUps.mayCatchUp({ input: orderFor(input, 'berlin-db-1') })).toMatchObject({ verdict: 'go' });

  const cancelled = await makeCycle('2026-11-04', { 'chicago-web-1': waiting }, { state: 'cancelled' });
  expect(await catchUps.mayCatchUp({ input: orderFor(cancelled, 'chicago-web-1') })).toMatchObject({ verdict: 'over' });
  expect(await rowOf(cancelled, 'chicago-web-1')).toMatchObject({ state: 'ended', outcome: 'skipped' });
});

test('at its deadline a straggler is escalated once, with its history, and stays in the record as not done', async () => {
  const { makeCycle, catchUps, orderFor, rowOf, db, clientId, id, tenants } = await prepared();
  const waiting = { state: 'waiting', waitingFor: 'offline', reasons: ['its agent does not answer'], patch: 'curl' };
  const input = await makeCycle(
    '2026-11-01',
    { 'berlin-web-1': waiting },
    { startedAt: after(-15 * 24 * hour), state: 'finished' },
  );
  const late = { input: orderFor(input, 'berlin-web-1') };
  for (let asked = 0; asked < 2; asked += 1) expect(await catchUps.mayCatchUp(late)).toMatchObject({ verdict: 'over' });
  const row = await rowOf(input, 'berlin-web-1');
  expect(row).toMatchObject({ state: 'waiting', waitingFor: 'offline', outcome: null });
  expect(row.reasons[0]).toMatch(/^NOT DONE: its deadline .* 14 days after its cycle began/);
  expect(row.reasons.at(-1)).toBe('at last it waited for offline: its agent does not answer');
  const events = await db.auditEvent.findMany({ where: { action: 'escalate' } });
  expect(events).toMatchObject([{ subject: `${input.cycleId} ${id('berlin-web-1')}`, because: row.reasons }]);
  expect(await catchUps.isLastStraggler(late)).toBe(true);

  const wait = await waitOf({ tenants }, { clientId, cycleId: input.cycleId, endpointId: id('berlin-web-1') });
  expect(wait?.because.at(-1)).toMatch(/^not done by its deadline; a person was told on .* \(Europe\/Berlin\)$/);
});

test('the window of a policy is told for each site, on its own wall clock, and why it is shut', async () => {
  const { tenants, clientId } = await prepared();
  const asked = { clientId, policyName: 'servers', site: null, emergency: false };
  const found = await windowsAt({ tenants }, { ...asked, at: '2026-12-09T17:40:00.000Z' });
  expect(found.sites).toMatchObject([
    {
      site: 'berlin',
      state: 'shut',
      opens: 'Wed 2026-12-09 22:00 (Europe/Berlin)',
      closes: 'Thu 2026-12-10 02:00 (Europe/Berlin)',
    },
    { site: 'chicago', state: 'shut', opens: 'Wed 2026-12-09 22:00 (America/Chicago)' },
  ]);
  expect(found.sites[0]?.because[0]).toMatch(
    /^opens in 3 hours 20 minutes: Wed 2026-12-09 22:00 to Thu 2026-12-10 02:00/,
  );

  const holidays = await windowsAt({ tenants }, { ...asked, site: 'berlin', at: '2026-12-25T12:00:00.000Z' });
  expect(holidays.sites).toMatchObject([{ state: 'blackout', opens: 'Sun 2027-01-03 02:00 (Europe/Berlin)' }]);
  expect(holidays.sites[0]?.because[0]).toContain('nobody is there to answer if something breaks');
  const emergency = await windowsAt({ tenants }, { ...asked, emergency: true, at: '2026-12-09T17:40:00.000Z' });
  expect(emergency.sites.map(({ state }) => state)).toEqual(['open', 'open']);
  await expect(windowsAt({ tenants }, { ...asked, site: 'oslo', at: '2026-12-09T17:40:00Z' })).rejects.toThrow(
    'no site oslo',
  );
});
