/** A person mends an endpoint by hand and says so: what that frees, what it shows, and what it does not prove. */
import { expect, test } from 'vitest';
import { admissionActivities } from '../../activities/control/admission.ts';
import { whyInWords } from '../../reports/why.ts';
import { endpointsOf, releaseFromQuarantine } from '../../operator/endpoints.ts';
import { readFacts } from '../../operator/facts.ts';
import { readSnapshots } from '../../operator/snapshots.ts';
import { plantCycle, plantRecord } from '../setup/record/planted-cycle.ts';
import { appliedClient, temporalClient } from '../setup/record/applied-client.ts';
import { idIn, nameIn } from '../../domain/ids.ts';

const dana = { who: 'dana', why: 'its disk was replaced' };
const lee = { who: 'lee', why: 'it looks well' };

/** One endpoint was quarantined by a cycle that has closed; in a later one its neighbour asks for the site's budget. */
async function prepared() {
  const [client, temporal] = await Promise.all([appliedClient(), temporalClient()]);
  const { tenants, clientId } = client;
  const before = await plantCycle(tenants, clientId, {
    state: 'finished',
    members: [
      { endpoint: 'berlin-db-1', outcome: 'quarantined', patches: ['cron=2'] },
      { endpoint: 'chicago-web-1', outcome: 'patched' },
      { endpoint: 'chicago-app-1', state: 'unknown', reasons: ['it is not known how the work on it ended'] },
    ],
  });
  const later = await plantCycle(tenants, clientId, {
    number: 2,
    members: [{ endpoint: 'berlin-web-1', patches: ['cron=2'] }],
  });
  await plantRecord(tenants, clientId, later);
  const connections = { tenants, temporal: async () => temporal };
  const db = tenants.forClient(clientId);
  await db.site.update({ where: { id: idIn(clientId, 'berlin') }, data: { budget: { count: 1 } } });
  return {
    ...client,
    connections,
    db,
    before,
    release: (name: string, signOff = dana) => releaseFromQuarantine(connections, { clientId, name }, signOff),
    started: async () => {
      const asked = [idIn(clientId, 'berlin-web-1')];
      const input = { cycleId: later, clientId, ring: 'canary' };
      const ring = { input, asked, online: asked, inFlight: [] };
      const { start } = await admissionActivities({ tenants }).admit(ring);
      return start.map(({ endpointId }) => nameIn(endpointId));
    },
  };
}

test('an endpoint that a person releases frees its place in the budget, and needs nobody any more', async () => {
  const { connections, clientId, release, started } = await prepared();
  const needy = async () =>
    (await endpointsOf(connections, clientId)).filter((one) => one.personNeeded !== null).map(({ name }) => name);
  expect(await started()).toEqual([]);
  expect(await needy()).toEqual(['berlin-db-1', 'chicago-app-1']);
  expect(await release('berlin-db-1')).toMatch(/^berlin-db-1 released by dana: its disk was replaced\. .*Nothing was/);
  expect(await needy()).toEqual(['chicago-app-1']);
  expect(await started()).toEqual(['berlin-web-1']);
});

test('who released it and why is in the audit trail, and told by why', async () => {
  const { connections, db, before, release } = await prepared();
  const why = async () => whyInWords(await readFacts(connections, before), 'berlin-db-1').join('\n');
  expect(await why()).toContain('quarantined, needs a person');
  await release('berlin-db-1');
  expect(await why()).toMatch(
    /was quarantined, released by a person[^]*release of endpoint berlin-db-1 by dana at .*: its/,
  );
  const audit = await db.auditEvent.findMany({ where: { action: 'release' } });
  expect(audit).toMatchObject([{ actor: 'dana', because: [dana.why], subject: `${before} endpoint berlin-db-1` }]);
});

test('a release observes nothing: the end stays on record, and the snapshot is kept until a cycle has proven it', async () => {
  const { connections, db, before, clientId, release } = await prepared();
  const endpointId = idIn(clientId, 'berlin-db-1');
  const taken = { takenAt: new Date(0), verifiedAt: new Date(0) };
  const key = { cycleId_endpointId: { cycleId: before, endpointId } };
  await db.snapshotRecord.create({ data: { id: 'snapshot-1', clientId, cycleId: before, endpointId, ...taken } });
  await db.cycleEndpoint.update({ where: key, data: { snapshotId: 'snapshot-1' } });
  await release('berlin-db-1');
  expect(await db.cycleEndpoint.findUniqueOrThrow({ where: key })).toMatchObject({ outcome: 'quarantined' });
  const { snapshots } = await readSnapshots(connections, clientId);
  expect(snapshots).toMatchObject([{ snapshotId: 'snapshot-1', keep: true }]);
});

test('a release in the same words again changes nothing', async () => {
  const { db, release } = await prepared();
  await release('berlin-db-1');
  expect(await release('berlin-db-1')).toContain('berlin-db-1 was released by dana: its disk was replaced');
  expect(await db.auditEvent.count({ where: { action: 'release' } })).toBe(1);
  await expect(release('berlin-db-1', lee)).rejects.toThrow(
    'berlin-db-1 is not quarantined: dana has released it: its disk was replaced',
  );
});

test('what is not quarantined is not released, and the refusal says why', async () => {
  const { db, release } = await prepared();
  await expect(release('chicago-web-1')).rejects.toThrow(/^chicago-web-1 is not quarantined/);
  await expect(release('chicago-app-1')).rejects.toThrow(/chicago-app-1 is not quarantined: it is not known how/);
  await expect(release('tokyo-web-1')).rejects.toThrow(/has no endpoint tokyo-web-1\. See: patchcycle endpoint list$/);
  expect(await db.auditEvent.count({ where: { action: 'release' } })).toBe(0);
});
