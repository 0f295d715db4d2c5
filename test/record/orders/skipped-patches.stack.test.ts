/** What becomes of a patch that a person takes out of a cycle: on record, before anybody is told of it. */
import { expect, test } from 'vitest';
import { admissionActivities } from '../../../activities/control/admission.ts';
import { endpointActivities } from '../../../activities/control/endpoint.ts';
import { permitActivities } from '../../../activities/control/permits.ts';
import { skip as skipOnRecord } from '../../../record/orders/skips.ts';
import type { EndpointInput } from '../../../domain/rollout/cycle.ts';
import type { NamedTarget } from '../../../domain/rollout/halt.ts';
import { appliedClient } from '../../setup/record/applied-client.ts';
import { type Planted, plantCycle, plantRecord } from '../../setup/record/planted-cycle.ts';
import { idIn } from '../../../domain/ids.ts';

const dana = { who: 'dana', why: 'the tills break' };
const lee = { who: 'lee', why: 'it is late' };
const words = 'cron 2 was skipped by dana: the tills break';

const underWay: Planted = {
  members: [
    { endpoint: 'berlin-web-1', outcome: 'patched', patches: ['cron=2'] },
    { endpoint: 'berlin-web-2', state: 'in flight', patches: ['cron=2', 'grep=2'] },
    { endpoint: 'berlin-db-1', patches: ['cron=2', 'grep=2'] },
    { endpoint: 'chicago-web-1', state: 'waiting', patches: ['cron=2'] },
    { endpoint: 'chicago-app-1', state: 'admitted', patches: ['cron=2', 'grep=2'] },
    { endpoint: 'chicago-app-2', patches: ['grep=2'] },
  ],
};

async function stateOf(planted: Planted = underWay, { recorded = true } = {}) {
  const { tenants, clientId } = await appliedClient();
  const cycleId = await plantCycle(tenants, clientId, planted);
  if (recorded) await plantRecord(tenants, clientId, cycleId);
  const db = tenants.forClient(clientId);
  const skip = (named: NamedTarget, signOff = dana) =>
    skipOnRecord(tenants, { cycleId, named, signOff, at: new Date().toISOString() }).then(({ because }) => because);
  const row = (endpoint: string) =>
    db.cycleEndpoint.findUniqueOrThrow({
      where: { cycleId_endpointId: { cycleId, endpointId: idIn(clientId, endpoint) } },
    });
  return { tenants, clientId, cycleId, db, skip, row };
}

test('a skipped patch is on record with who and why, and whoever carries it and has not started ends without it', async () => {
  const { db, skip, row, cycleId } = await stateOf();
  expect(await skip({ patch: 'cron' })).toBe(
    'patch cron skipped by dana: the tills break; 2 endpoints that carry it are not started with it',
  );
  expect(await row('berlin-db-1')).toMatchObject({
    outcome: 'skipped',
    reasons: [words, expect.stringContaining('a successor carries the rest')],
    patchesAtFault: ['cron:amd64=2'],
  });
  // It was all there was for that one: no successor is promised.
  expect(await row('chicago-web-1')).toMatchObject({ outcome: 'skipped', reasons: [words] });
  expect(await row('chicago-app-2')).toMatchObject({ state: 'planned' });
  expect(await row('berlin-web-2')).toMatchObject({ state: 'in flight' });
  expect(await row('berlin-web-1')).toMatchObject({ outcome: 'patched' });
  const audit = await db.auditEvent.findMany({ where: { action: 'skip' } });
  expect(audit).toMatchObject([{ actor: 'dana', because: [dana.why], subject: `${cycleId} patch cron` }]);
});

test('from then on no effect with it gets a permit, and what was started finishes', async () => {
  const { tenants, clientId, cycleId, skip } = await stateOf();
  const permit = async (patches: readonly string[], finishes = false) => {
    const endpointId = idIn(clientId, 'berlin-web-2');
    const effect = { clientId, cycleId, endpointId, siteId: idIn(clientId, 'berlin'), patches, finishes };
    const given = await permitActivities({ tenants }).issuePermit(effect);
    return 'refusedBecause' in given ? given.refusedBecause[0] : 'given';
  };
  expect(await permit(['cron=2', 'grep=2'])).toBe('given');
  await skip({ patch: 'cron=2' });
  expect(await permit(['cron=2', 'grep=2'])).toBe(words);
  expect(await permit(['cron=2'], true)).toBe('given');
  expect(await permit(['cron=3', 'grep=2'])).toBe('given');
});

test('who was admitted with it gets nothing, and who is let go with it is not started again', async () => {
  const { tenants, clientId, cycleId, db, skip, row } = await stateOf();
  await skip({ patch: 'cron' });
  const input = { endpointId: idIn(clientId, 'chicago-app-1'), clientId, cycleId, ring: 'canary' } as EndpointInput;
  const endpoints = endpointActivities({ tenants });
  const { patches, withoutPatches } = await endpoints.openEndpoint(input);
  expect({ patches, withoutPatches }).toMatchObject({ patches: [], withoutPatches: { outcome: 'skipped' } });
  expect(withoutPatches.because[0]).toBe(words);

  const letGo = { cycleId, endpointId: idIn(clientId, 'berlin-web-2') };
  await db.cycleEndpoint.update({ where: { cycleId_endpointId: letGo }, data: { state: 'waiting' } });
  const ring = { input: { cycleId, clientId, ring: 'canary' }, asked: [], online: [], inFlight: [] };
  await admissionActivities({ tenants }).admit(ring);
  expect(await row('berlin-web-2')).toMatchObject({ outcome: 'skipped', patchesAtFault: ['cron:amd64=2'] });
});

test('the same words again change nothing, and others are refused by name', async () => {
  const { db, skip } = await stateOf();
  await skip({ patch: 'cron' });
  expect(await skip({ patch: 'cron' })).toBe('patch cron was skipped by dana: the tills break');
  expect(await skip({ patch: 'cron=2' })).toBe('patch cron=2 was skipped by dana: the tills break');
  await expect(skip({ patch: 'cron' }, lee)).rejects.toThrow('dana has skipped patch cron already: the tills break');
  expect(await db.skippedPatch.count()).toBe(1);
  expect(await db.auditEvent.count({ where: { action: 'skip' } })).toBe(1);
});

test('what the record does not carry is refused with what it carries', async () => {
  const { db, skip } = await stateOf();
  await expect(skip({ patch: 'openssl' })).rejects.toThrow(/has no patch openssl; it has cron=2, grep=2$/);
  await expect(skip({ patch: 'cron=3' })).rejects.toThrow(/has no patch cron=3; it has cron=2, grep=2$/);
  await expect(skip({ patch: 'cron', ring: 'canary' })).rejects.toThrow(/one part of a cycle, not ring and patch$/);
  expect(await db.skippedPatch.count()).toBe(0);
});

test('too early and too late are refused with what to do instead', async () => {
  const unrecorded = await stateOf(underWay, { recorded: false });
  await expect(unrecorded.skip({ patch: 'cron' })).rejects.toThrow(/no change record yet .*: halt it meanwhile$/);
  const closed = await stateOf({ ...underWay, state: 'finished' });
  await expect(closed.skip({ patch: 'cron' })).rejects.toThrow(/has closed: .* once that is halted instead$/);
  const done = await stateOf({ members: [{ endpoint: 'berlin-web-1', outcome: 'patched', patches: ['cron=2'] }] });
  await expect(done.skip({ patch: 'cron' })).rejects.toThrow('nothing of patch cron is left to skip: 1 patched');
});
