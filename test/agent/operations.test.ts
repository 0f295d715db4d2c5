import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { httpsAgents } from '../../activities/adapters/agents/https.ts';
import type { Operation, OperationBody } from '../../domain/endpoints/operation.ts';
import { startTestAgent } from '../setup/agent/test-agent.ts';
import { boots, opensslPatch, tinyMachine } from '../setup/agent/tiny-machine.ts';

const permit = { permitId: 'p1', issuedAt: '2026-11-22T03:00:00.000Z' };
const install: OperationBody = { kind: 'install', patches: [opensslPatch], allowRemove: [], limitMinutes: 5 };

function operation(digit: string, body: OperationBody, generation = 1): Operation {
  return { operationId: digit.repeat(64), generation, permit, body };
}

async function prepared() {
  const machine = tinyMachine();
  const stood = await startTestAgent(machine);
  const agents = httpsAgents(stood.control);
  const identityOf = ({ address }: { address: { host: string; port: number } }) => ({ endpointId: 'web-1', address });
  return { machine, agents, identityOf, web1: identityOf(stood.agent), ...stood };
}

type Prepared = Awaited<ReturnType<typeof prepared>>;

function untilEnded({ agents }: Prepared, web1: Prepared['web1'], operationId: string) {
  return vi.waitFor(async () => {
    const report = await agents.report(web1, operationId);
    expect(report?.state).not.toBe('running');
    return report!;
  });
}

describe('an operation', () => {
  test('is on disk before it acts, runs once, and a repeat is answered from the ledger', async () => {
    const stood = await prepared();
    const { agents, machine, web1, stateDirectory } = stood;
    const first = await agents.submit(web1, operation('a', install));
    expect(first.state).toBe('running');
    const kept = JSON.parse(await readFile(join(stateDirectory, 'ledger', `${'a'.repeat(64)}.json`), 'utf8'));
    expect(kept).toMatchObject({ permit, body: install, report: { state: 'running' } });

    const repeated = await agents.submit(web1, { ...operation('a', install), permit: { ...permit, permitId: 'p2' } });
    expect(repeated).toMatchObject({ state: 'running', because: 'Unpacks.', logTail: 'Unpacking openssl' });
    machine.endRun('a'.repeat(64));
    const ended = await untilEnded(stood, web1, 'a'.repeat(64));
    expect(ended).toMatchObject({
      state: 'succeeded',
      because: 'All 1 planned version installed; the audit is clean.',
    });
    expect(await agents.submit(web1, operation('a', install))).toEqual(ended);
    expect(machine.effects).toEqual(['install openssl']);
  });

  test('is refused with another body, another generation, and while another one runs', async () => {
    const { agents, machine, web1, stateDirectory } = await prepared();
    await agents.submit(web1, operation('a', install));
    const refusals = [
      [operation('a', { ...install, limitMinutes: 6 }), 'other body'],
      [operation('b', { kind: 'prefetch', patches: [] }), 'busy'],
      [operation('c', install, 2), 'newer generation'],
    ] as const;
    for (const [refused, code] of refusals) {
      await expect(agents.submit(web1, refused)).rejects.toMatchObject({ name: 'AgentRefused', code, status: 409 });
    }
    await writeFile(join(stateDirectory, 'generation'), '2\n');
    await expect(agents.submit(web1, operation('a', install))).rejects.toMatchObject({ code: 'older generation' });
    await expect(agents.submit(web1, operation('d', install))).rejects.toMatchObject({ code: 'older generation' });
    expect(machine.effects).toEqual(['install openssl']);
    expect(await readdir(join(stateDirectory, 'ledger'))).toEqual([`${'a'.repeat(64)}.json`]);
  });

  test('of two that arrive together one is taken and one finds the endpoint busy', async () => {
    const { agents, machine, web1 } = await prepared();
    const both = await Promise.allSettled(['a', 'b'].map((digit) => agents.submit(web1, operation(digit, install))));
    expect(both.map((each) => each.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(machine.effects).toEqual(['install openssl']);
  });

  test('nothing is accepted while the generation cannot be understood', async () => {
    const { agents, machine, web1, stateDirectory } = await prepared();
    await writeFile(join(stateDirectory, 'generation'), 'two');
    await expect(agents.submit(web1, operation('a', install))).rejects.toMatchObject({ code: 'internal', status: 500 });
    expect(machine.effects).toEqual([]);
  });

  test('nothing new is accepted while a ledger entry cannot be understood', async () => {
    const stood = await prepared();
    const { agents, machine, web1, stateDirectory, agent, start, identityOf } = stood;
    await agents.submit(web1, operation('a', { kind: 'prefetch', patches: [] }));
    await untilEnded(stood, web1, 'a'.repeat(64));
    await agent.stop();
    await writeFile(join(stateDirectory, 'ledger', `${'a'.repeat(64)}.json`), '{"half');
    const again = identityOf(await start());
    await expect(agents.submit(again, operation('b', install))).rejects.toMatchObject({ code: 'internal' });
    expect(machine.effects).toEqual(['prefetch 0']);
  });
});

describe('an install is judged by what is observed', () => {
  test('failed when the run finished and a version is missing', async () => {
    const stood = await prepared();
    await stood.agents.submit(stood.web1, operation('a', install));
    stood.machine.endRun('a'.repeat(64), {}, false);
    expect(await untilEnded(stood, stood.web1, 'a'.repeat(64))).toMatchObject({
      state: 'failed',
      because: expect.stringContaining('openssl is at 3.0.20-1~deb12u2, not at 3.0.22-1~deb12u2') as string,
    });
  });

  test('failed when every version is there and the audit is not clean', async () => {
    const stood = await prepared();
    await stood.agents.submit(stood.web1, operation('a', install));
    stood.machine.audit = 'The following packages are in a mess\n perl                 Larry';
    stood.machine.endRun('a'.repeat(64), { packagesAtFault: ['perl'] });
    expect(await untilEnded(stood, stood.web1, 'a'.repeat(64))).toMatchObject({
      state: 'failed',
      because: expect.stringContaining('the audit names perl') as string,
      packagesAtFault: ['perl'],
    });
  });

  test('failed and nothing changed when the run could not be started', async () => {
    const stood = await prepared();
    stood.machine.startFails = 'no systemd here';
    await stood.agents.submit(stood.web1, operation('a', install));
    expect(await untilEnded(stood, stood.web1, 'a'.repeat(64))).toMatchObject({
      state: 'failed',
      because: 'It could not be started, and nothing was changed: no systemd here',
    });
  });
});

describe('after the agent was gone', () => {
  test('a run that still goes on is followed to its end and not started again', async () => {
    const stood = await prepared();
    await stood.agents.submit(stood.web1, operation('a', install));
    await stood.agent.stop();
    const again = stood.identityOf(await stood.start());
    expect(await stood.agents.report(again, 'a'.repeat(64))).toMatchObject({ state: 'running' });
    await expect(stood.agents.submit(again, operation('b', install))).rejects.toMatchObject({ code: 'busy' });
    stood.machine.endRun('a'.repeat(64));
    expect(await untilEnded(stood, again, 'a'.repeat(64))).toMatchObject({ state: 'succeeded' });
    expect(stood.machine.effects).toEqual(['install openssl']);
  });

  test('a run of which nothing is known any more is interrupted, and says what is observed', async () => {
    const stood = await prepared();
    await stood.agents.submit(stood.web1, operation('a', install));
    await stood.agent.stop();
    const file = join(stood.stateDirectory, 'ledger', `${'a'.repeat(64)}.json`);
    const entry = JSON.parse(await readFile(file, 'utf8')) as { report: { operationId: string } };
    entry.report.operationId = 'b'.repeat(64);
    await writeFile(join(stood.stateDirectory, 'ledger', `${'b'.repeat(64)}.json`), JSON.stringify(entry));
    stood.machine.endRun('a'.repeat(64));
    const again = stood.identityOf(await stood.start());
    expect(await untilEnded(stood, again, 'b'.repeat(64))).toMatchObject({
      state: 'interrupted',
      because: expect.stringContaining('All 1 planned version installed') as string,
    });
  });

  test('a reboot has succeeded when the boot is another one, and is asked for again when it is not', async () => {
    const stood = await prepared();
    const { agents, machine, web1 } = stood;
    await agents.submit(web1, operation('a', { kind: 'reboot', leaveBootId: boots[0] }));
    await vi.waitFor(() => expect(machine.effects).toEqual(['reboot']));
    await stood.agent.stop();
    const sameBoot = await stood.start();
    await vi.waitFor(() => expect(machine.effects).toEqual(['reboot', 'reboot']));
    await sameBoot.stop();
    machine.boot = boots[1];
    const again = stood.identityOf(await stood.start());
    expect(await untilEnded(stood, again, 'a'.repeat(64))).toMatchObject({ state: 'succeeded' });
    expect(machine.effects).toEqual(['reboot', 'reboot']);
  });
});

test('a reboot out of a boot that is already left does nothing', async () => {
  const stood = await prepared();
  await stood.agents.submit(stood.web1, operation('a', { kind: 'reboot', leaveBootId: boots[1] }));
  expect(await untilEnded(stood, stood.web1, 'a'.repeat(64))).toMatchObject({ state: 'succeeded' });
  expect(stood.machine.effects).toEqual([]);
});

test('a prefetch that the mirror refuses fails with its words', async () => {
  const stood = await prepared();
  stood.machine.mirrorFails = 'The mirror does not answer.';
  await stood.agents.submit(stood.web1, operation('a', { kind: 'prefetch', patches: [opensslPatch] }));
  expect(await untilEnded(stood, stood.web1, 'a'.repeat(64))).toMatchObject({
    state: 'failed',
    because: 'The mirror does not answer.',
  });
});

test('a service that does not come back fails the restart and is named', async () => {
  const stood = await prepared();
  await stood.agents.submit(stood.web1, operation('a', { kind: 'restart services', services: ['cron', 'broken'] }));
  expect(await untilEnded(stood, stood.web1, 'a'.repeat(64))).toMatchObject({
    state: 'failed',
    because: 'Not running after the restart: broken (failed).',
  });
});

test('one that has been seen to end is never in the way of the next', async () => {
  const { agents, machine, web1 } = await prepared();
  for (let round = 0; round < 25; round++) {
    const operationId = round.toString(16).padStart(64, 'c');
    await agents.submit(web1, { ...operation('c', { kind: 'prefetch', patches: [] }), operationId });
    while ((await agents.report(web1, operationId))?.state === 'running');
  }
  expect(machine.effects).toHaveLength(25);
});
