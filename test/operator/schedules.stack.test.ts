/** What starts by itself, while no worker runs at all: when Temporal would wake a policy, and the chores. */
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { expect, onTestFinished, test } from 'vitest';
import { readOpening } from '../../activities/schemas/operators-words.ts';
import { windowInstants } from '../../record/sites/calendar.ts';
import { hasOpened } from '../../record/sites/windows.ts';
import type { WindowRule } from '../../domain/policies/policy.ts';
import { installChores, installSchedules } from '../../operator/schedules.ts';
import { samplePolicy } from '../setup/sample-policy.ts';
import { exampleFiles, temporalClient } from '../setup/record/applied-client.ts';

const zone = 'Europe/Berlin';

function rule(words: string): WindowRule {
  const opens = readOpening(words);
  if (!opens) throw new Error(`${words} cannot be read`);
  return { words, opens, lastsMinutes: 60 };
}

async function wakesAt(windows: readonly WindowRule[], fromAt: string, untilAt: string): Promise<string[]> {
  const [files, temporal] = await Promise.all([exampleFiles(), temporalClient()]);
  const berlin = { ...files, sites: files.sites.filter((site) => site.timeZone === zone) };
  const policies = files.policies.filter(({ name }) => name === 'servers').map((policy) => ({ ...policy, windows }));
  onTestFinished(async () => void (await installSchedules(temporal, { ...files, policies: [] })));
  const [scheduleId] = await installSchedules(temporal, { ...berlin, policies });
  const asked = temporal.workflowService.listScheduleMatchingTimes({
    namespace: temporal.options.namespace,
    scheduleId: scheduleId ?? '',
    startTime: msToTs(Date.parse(fromAt)),
    endTime: msToTs(Date.parse(untilAt)),
  });
  // A schedule may start up to a minute late, so that not all start together.
  return (await asked).startTime.map((at) => new Date(Math.floor(tsToMs(at) / 120_000) * 120_000).toISOString());
}

test.for([
  ['every Sunday, 02:30', 'summer time begins and skips it', '2027-03-28'],
  ['every Sunday, 02:30', 'summer time ends and repeats it', '2027-10-31'],
  ['every Saturday, 23:30', 'of an ordinary night', '2027-03-06'],
  ['day after second Tuesday, 22:00', 'of an ordinary month', '2027-03-10'],
  ['2027-05-05 22:00', 'that was named once', '2027-05-05'],
] as const)('a cycle of %s is planned as its window opens on the day %s', async ([words, , day]) => {
  const windows = [rule(words)];
  const span = { fromAt: `${day}T00:00:00+01:00`, untilAt: `${day}T23:59:59+01:00` };
  const [opening] = windowInstants({ windows, blackouts: [], timeZone: zone, ...span });
  const policy = { ...samplePolicy(), windows };
  const site = { timeZone: zone, blackouts: [] };
  const wakes = await wakesAt(windows, span.fromAt, span.untilAt);
  const [first = ''] = wakes.filter((at) => hasOpened(policy, site, at));
  // Of an hour that comes twice Temporal takes the second.
  const late = Date.parse(first) - Date.parse(opening?.opensAt ?? '');
  expect(late).toBe(day === '2027-10-31' ? 3_600_000 : 0);
});

test('installed twice, each chore has one schedule, and what is left is looked for at once', async () => {
  const temporal = await temporalClient();
  const ids = ['chore/reconcile', 'chore/clean-up-snapshots'];
  const started = async () => {
    const runs = [];
    for await (const run of temporal.workflow.list({ query: `WorkflowType = 'reconcile'` })) runs.push(run);
    return runs.filter(({ status }) => status.name === 'RUNNING').map(({ workflowId }) => workflowId);
  };
  onTestFinished(async () => {
    for (const id of ids) await temporal.schedule.getHandle(id).delete();
    for (const id of await started()) await temporal.workflow.getHandle(id).terminate();
  });
  for (let round = 0; round < 2; round += 1) expect(await installChores(temporal)).toEqual(ids);
  for (const id of ids) {
    const { policies, spec } = await temporal.schedule.getHandle(id).describe();
    expect(policies.overlap).toBe('SKIP');
    expect(spec.intervals).toHaveLength(1);
  }
  // The second look would find the first at it: one is enough.
  await expect.poll(started, { timeout: 20_000 }).toHaveLength(1);
});
