/**
 * `npm run record:histories`: has whole cycles run over a simulated fleet and keeps the histories of their workflows in
 * test/histories, one of each shape, for the replay test. Run it when a change of the workflows is meant to break with
 * what was recorded before; CONTRIBUTING says when that is.
 */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { succeed } from '../setup/stack/command.ts';
import { archiveVersion } from '../setup/simulated/releases.ts';
import { startStack } from '../setup/stack/running-stack.ts';
import { until } from '../setup/until.ts';

const folder = import.meta.dirname;
const site = 'tokyo';
const advisory = 'CVE-2026-84782';

/** Near enough to be waited for, and never open while this runs. */
function inTwentyDays(): string {
  return new Date(Date.now() + 20 * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);
}

/** Workflow ids by the name under which their history is kept. */
type Shapes = Readonly<Record<string, string>>;

const stack = await startStack({
  sites: [{ site, zone: 'Asia/Tokyo' }],
  endpoints: [
    { endpoint: 'web-1', site, role: 'servers', criticality: 'low' },
    { endpoint: 'web-2', site, role: 'servers', criticality: 'low' },
    { endpoint: 'laptop-1', site, role: 'servers' },
    { endpoint: 'db-1', site, role: 'databases' },
    { endpoint: 'db-2', site, role: 'databases' },
    { endpoint: 'pay-1', site, role: 'payments' },
    { endpoint: 'dock-1', site, role: 'docks' },
    { endpoint: 'dock-2', site, role: 'docks' },
    { endpoint: 'till-1', site, role: 'tills' },
  ],
  policies: [
    { policy: 'servers', windows: [{ opens: `${inTwentyDays()} 02:00`, lasts: '4 hours' }] },
    {
      policy: 'databases',
      approval: 'one person within 30 minutes',
      rings: [{ name: 'canary', take: 1, endpoints: 'db-1' }, { name: 'rest' }],
    },
    { policy: 'payments', emergency: { soak: '1 second', windows: 'any', approval: 'none' } },
    {
      policy: 'docks',
      sandbox: { required: false },
      rings: [{ name: 'canary', take: 1, endpoints: 'dock-1' }, { name: 'rest' }],
      afterHalt: 'ask',
    },
    { policy: 'tills', sandbox: { required: false }, snapshot: { required: true, keep: '0 days' } },
  ],
});
try {
  const onDatabases = async () => ({ ...(await rolledBack()), ...(await cancelled()) });
  // Side by side: what each of them waits for most is the clock.
  const recordedShapes = await Promise.all([finished(), onDatabases(), emergency(), succeeded(), reconciled()]);
  const shapes: Shapes = Object.assign({}, ...recordedShapes, await cleanedUp());
  await keep(shapes);
  console.log(`Kept ${Object.keys(shapes).join(', ')} in ${folder}.`);
} finally {
  await stack.close();
}

/**
 * A cycle whose ring was halted and resumed while it waited for a window, that met a silent endpoint, finished, caught
 * that one up, and gave one back.
 */
async function finished(): Promise<Shapes> {
  await stack.fleet.power('laptop-1', 'off');
  const cycleId = await stack.start('servers');
  const ring = `ring/${cycleId}/canary`;
  await until('its first ring waits', () =>
    stack.temporal.workflow
      .getHandle(ring)
      .describe()
      .then(
        () => true,
        () => false,
      ),
  );
  const halted = (verb: string) => stack.command('cycle', verb, cycleId, '--ring', 'canary', '--why', 'it is recorded');
  succeed(await halted('halt'), 'cycle halt');
  succeed(await halted('resume'), 'cycle resume');
  succeed(await stack.command('cycle', 'open-window', cycleId, '--why', 'the recording is now'), 'cycle open-window');
  const facts = await stack.ended(cycleId);
  const caughtUp = `catch-up/${cycleId}/laptop-1.acme`;
  await stack.fleet.power('laptop-1', 'on');
  await stack.temporal.workflow.getHandle(caughtUp).result();
  const canary = facts.endpoints.find((endpoint) => endpoint.ring === 'canary')?.endpoint;
  const other = canary === 'web-1' ? 'web-2' : 'web-1';
  const rollBack = ['cycle', 'rollback', cycleId, '--endpoint', other, '--why', 'it is recorded'];
  succeed(await stack.command(...rollBack), 'cycle rollback');
  await stack.temporal.workflow.getHandle(`rollback/${cycleId}/1`).result();
  return {
    'finished cycle': cycleId,
    'finished ring': ring,
    'patched endpoint': `endpoint/acme/${canary}.acme`,
    'caught up endpoint': caughtUp,
    'ordered roll-back': `rollback/${cycleId}/1`,
    'put back endpoint': `endpoint/acme/${other}.acme`,
    'passed sandbox': `sandbox/${facts.segments[0]?.test?.sandboxId}`,
    'survey of inventories': `survey/${cycleId}/${site}.acme/discovery/inventory`,
    'survey of updates': `survey/${cycleId}/${site}.acme/monitoring/updates`,
    'survey of plans': `survey/${cycleId}/${site}.acme/testing/plan`,
  };
}

/** A cycle that was approved, and halted by its gate after its first endpoint had been rolled back. */
async function rolledBack(): Promise<Shapes> {
  const grep = archiveVersion('grep', '3.8-5+deb12u1', ['CVE-2026-70003']);
  await stack.fleet.publish(grep, ['db-2']);
  await stack.fleet.publish({ ...grep, faults: { failsConfigure: true } }, ['db-1']);
  await stack.fleet.publish(archiveVersion('sed', '4.9-1+deb12u2', ['CVE-2026-70002']), ['db-2']);
  const cycleId = await stack.start('databases');
  await stack.waitsFor(cycleId, 'an approval');
  succeed(await stack.command('cycle', 'approve', cycleId, '--why', 'it is recorded'), 'cycle approve');
  await stack.ended(cycleId);
  return {
    'halted cycle': cycleId,
    'halted ring': `ring/${cycleId}/canary`,
    'rolled back endpoint': 'endpoint/acme/db-1.acme',
  };
}

/** A cycle that was halted and resumed while it waited for an approval, and then cancelled. */
async function cancelled(): Promise<Shapes> {
  const cycleId = await stack.start('databases');
  await stack.waitsFor(cycleId, 'an approval');
  for (const verb of ['halt', 'resume', 'cancel'])
    succeed(await stack.command('cycle', verb, cycleId, '--why', 'it is recorded'), `cycle ${verb}`);
  await stack.ended(cycleId);
  return { 'cancelled cycle': cycleId };
}

async function emergency(): Promise<Shapes> {
  const asked = ['emergency', 'start', '--advisory', advisory, '--policy', 'payments'];
  const { cycleId } = await stack.ask<{ cycleId: string }>(...asked);
  await stack.ended(cycleId);
  return { 'emergency cycle': cycleId, 'emergency endpoint': 'endpoint/acme/pay-1.acme' };
}

/** A cycle whose good patches went on as a successor of its record, when a person said so. */
async function succeeded(): Promise<Shapes> {
  const sed = archiveVersion('sed', '4.9-1+deb12u2', ['CVE-2026-70002'], { faults: { failsConfigure: true } });
  await stack.fleet.publish(sed, ['dock-1']);
  const cycleId = await stack.start('docks');
  await stack.waitsFor(cycleId, 'the gate of ring canary is halted');
  succeed(await stack.command('cycle', 'continue', cycleId, '--why', 'it is recorded'), 'cycle continue');
  await stack.ended(cycleId);
  return { 'cycle with a successor': cycleId };
}

/** A cycle that was terminated in the middle of an install: the round that took it up, and what that began. */
async function reconciled(): Promise<Shapes> {
  const cycleId = await stack.start('tills');
  await until('till-1 installs', () =>
    Object.values(stack.endpoint('till-1').state().runs).some((run) => run.end === null),
  );
  for (const workflowId of [cycleId, 'endpoint/acme/till-1.acme'])
    await stack.temporal.workflow.getHandle(workflowId).terminate('it is recorded');
  await trigger('reconcile');
  await until(`${cycleId} is closed`, async () => (await stack.recorded(cycleId)).endedAt !== null, 120);
  return {
    'reconciling round': await roundThatSays('reconcile', 'till-1'),
    'reconciled endpoint': 'endpoint/acme/till-1.acme',
    'closed cycle': `close/${cycleId}`,
  };
}

/** The snapshots' clean-up, at a site where one has to go. */
async function cleanedUp(): Promise<Shapes> {
  await trigger('clean-up-snapshots');
  await until('no snapshot of till-1 is left', () => stack.endpoint('till-1').snapshots().length === 0);
  return {
    'clean-up of snapshots': await roundThatSays('clean-up-snapshots', site),
    'clean-up of a site': `clean-up/${site}.acme`,
  };
}

/** Has a chore done now; one that is under way is waited for and done again. */
function trigger(chore: string): Promise<void> {
  return stack.temporal.schedule.getHandle(`chore/${chore}`).trigger(ScheduleOverlapPolicy.BUFFER_ONE);
}

/** The workflow of the round of a chore that has this to say. */
async function roundThatSays(chore: string, words: string): Promise<string> {
  const { info } = await stack.temporal.schedule.getHandle(`chore/${chore}`).describe();
  for (const { action } of info.recentActions) {
    const round = stack.temporal.workflow.getHandle(action.workflow.workflowId);
    if (String(await round.result()).includes(words)) return round.workflowId;
  }
  throw new Error(`No round of ${chore} says anything of ${words}.`);
}

/** All of them or none: a folder that holds half of the shapes would prove half. */
async function keep(shapes: Shapes): Promise<void> {
  const files = await Promise.all(
    Object.entries(shapes).map(async ([shape, workflowId]) => {
      const history = await stack.temporal.workflow.getHandle(workflowId).fetchHistory();
      const text = eventPerLine(withoutThisMachine(historyToJSON(history)));
      return { file: join(folder, `${shape.replaceAll(' ', '-')}.json`), text };
    }),
  );
  for (const name of await readdir(folder)) if (name.endsWith('.json')) await rm(join(folder, name));
  for (const { file, text } of files) await writeFile(file, text);
}

/** Stack traces name the folder of the project, workers the machine they ran on; neither is asked for by a replay. */
function withoutThisMachine(json: string): string {
  const project = join(import.meta.dirname, '../..');
  return json.replaceAll(project, '.').replaceAll(`@${hostname()}`, '@recorder');
}

/** Small, and a difference shows the event it is in. */
function eventPerLine(json: string): string {
  const { events } = JSON.parse(json) as { events: readonly unknown[] };
  return `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`;
}
