/** The control plane's side: whatever an agent does, the port's three errors and a clean sentence come out. */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { RequestListener } from 'node:http';
import { connect, createServer as createSocketServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { httpsAgents } from '../../activities/adapters/agents/https.ts';
import type { AgentIdentity } from '../../activities/ports/agent.ts';
import { agentVersion } from '../../agent/version.ts';
import { controlIdentity, endpointIdentity, startTestAgent, temporaryFolder } from '../setup/agent/test-agent.ts';
import { boots, opensslPatch, opensslUpdate, tinyMachine } from '../setup/agent/tiny-machine.ts';

const id = 'a'.repeat(64);
const permit = { permitId: 'p1', issuedAt: '2026-11-22T03:00:00.000Z' };

test('asks everything there is to ask', async () => {
  const { agent, control } = await startTestAgent(tinyMachine());
  const agents = httpsAgents(control);
  const web1 = { endpointId: 'web-1', address: agent.address };
  const versions = { agentVersion, runtimeVersion: process.version.slice(1) };
  expect(await agents.health(web1)).toMatchObject({ endpointId: 'web-1', generation: 1, ...versions });
  expect(await agents.inventory(web1)).toMatchObject({ hostname: 'tiny', ...versions });
  expect(await agents.pendingReboot(web1)).toEqual({ bootId: boots[0], pendingReboot: { due: false, because: [] } });
  expect(await agents.availableUpdates(web1)).toEqual([opensslUpdate]);
  expect(await agents.dryRun(web1, [opensslPatch])).toMatchObject({ patches: [opensslPatch] });
  expect(await agents.changelogs(web1, [opensslPatch])).toEqual([]);
  expect(await agents.checks(web1, [{ service: 'nginx' }])).toEqual([
    { check: 'service nginx', passed: true, observed: 'active' },
  ]);
  expect(await agents.observe(web1, { packages: ['openssl'], checks: [{ port: 22 }] })).toMatchObject({
    installed: [{ package: 'openssl' }],
    checks: [{ check: 'port 22' }],
  });
  expect(await agents.report(web1, id)).toBeNull();
});

test('reaches an agent through a socket file', async () => {
  const { agent, control } = await startTestAgent(tinyMachine());
  const socketPath = join(await temporaryFolder(), 'agent.sock');
  const passage = createSocketServer((inside) => {
    const outside = connect(agent.address.port, agent.address.host);
    inside.pipe(outside).pipe(inside);
    for (const socket of [inside, outside]) socket.on('error', () => socket.destroy());
  });
  passage.listen(socketPath);
  onTestFinished(() => void passage.close());
  await once(passage, 'listening');
  const web1 = { endpointId: 'web-1', address: { socketPath } };
  expect(await httpsAgents(control).health(web1)).toMatchObject({ endpointId: 'web-1' });
});

describe('says plainly', () => {
  test('that nobody answers', async () => {
    const { agent, control } = await startTestAgent(tinyMachine());
    await agent.stop();
    const gone = httpsAgents(control).health({ endpointId: 'web-1', address: agent.address });
    await expect(gone).rejects.toMatchObject({
      name: 'AgentUnreachable',
      message: 'The agent of web-1 cannot be reached (ECONNREFUSED).',
    });
    const nowhere = httpsAgents(control).health({ endpointId: 'web-1', address: { socketPath: '/nowhere.sock' } });
    await expect(nowhere).rejects.toMatchObject({ name: 'AgentUnreachable' });
  });

  test('that another endpoint answers at the address', async () => {
    const machine = tinyMachine();
    const { agent, control } = await startTestAgent(machine);
    const web2 = { endpointId: 'web-2', address: agent.address };
    const body = { kind: 'reboot', leaveBootId: machine.boot } as const;
    const asked = httpsAgents(control).submit(web2, { operationId: id, generation: 1, permit, body });
    await expect(asked).rejects.toMatchObject({
      name: 'AgentUnreadable',
      message: 'At the address of web-2 another endpoint answers; check its address.',
    });
    expect(machine.effects).toEqual([]);
  });

  test('that the agent is of another authority, or takes us for strangers', async () => {
    const { agent, control, authority } = await startTestAgent(tinyMachine());
    const web1 = { endpointId: 'web-1', address: agent.address };
    const foreign = await controlIdentity(await openAuthority(join(await temporaryFolder(), 'foreign')));
    await expect(httpsAgents(foreign).health(web1)).rejects.toMatchObject({
      name: 'AgentUnreadable',
      message: expect.stringContaining('our authority did not sign') as string,
    });
    const stranger = httpsAgents({ ...foreign, authority: control.authority }).health(web1);
    await expect(stranger).rejects.toMatchObject({ message: expect.stringMatching(/certificate|reached/) as string });
    const endpoint = httpsAgents(await endpointIdentity(authority, 'web-2')).health(web1);
    await expect(endpoint).rejects.toMatchObject({ name: 'AgentRefused', code: 'forbidden', status: 403 });
  });

  test.each([
    ['what is no JSON', 200, '<html>', 'AgentUnreadable', /protocol does not know/],
    ['another shape', 200, '{"endpointId":7}', 'AgentUnreadable', /GET \/v1\/health .* at agentVersion/],
    ['an error without a reason', 500, 'oops', 'AgentUnreadable', /status 500 and no reason/],
    [
      'an error of a kind nobody knows',
      418,
      '{"error":{"code":"teapot","message":"x"}}',
      'AgentUnreadable',
      /status 418/,
    ],
    ['a redirect', 302, '', 'AgentUnreadable', /status 302/],
    [
      'a reason with control signs',
      409,
      '{"error":{"code":"busy","message":"a\\u001b[2Jb"}}',
      'AgentRefused',
      /refused: a \[2Jb/,
    ],
    ['without end', 200, `"${'x'.repeat(17 * 1024 * 1024)}"`, 'AgentUnreadable', /more than can be meant/],
  ])('that it answers %s', async (_what, status, text, name, message) => {
    const { agents, web1 } = await impostor((_request, response) => {
      response.writeHead(status, { 'Content-Type': 'application/json', Location: 'https://127.0.0.1:1/' });
      response.end(text);
    });
    const asked = agents.health(web1);
    await expect(asked).rejects.toMatchObject({ name, message: expect.stringMatching(message) as string });
    const error: unknown = await asked.catch((thrown: unknown) => thrown);
    expect(inspect(error, { depth: 10 })).not.toMatch(/AxiosError|PRIVATE KEY|BEGIN CERTIFICATE/);
  });

  test('that it answers for another operation', async () => {
    const { agents, web1 } = await impostor((_request, response) => {
      const report = { operationId: 'b'.repeat(64), kind: 'reboot', generation: 1, state: 'succeeded', because: 'x' };
      const times = { startedAt: permit.issuedAt, endedAt: permit.issuedAt };
      response.end(JSON.stringify({ ...report, ...times, packagesAtFault: [], logTail: '' }));
    });
    await expect(agents.report(web1, id)).rejects.toMatchObject({
      name: 'AgentUnreadable',
      message: 'The agent of web-1 answered for another operation than it was asked about.',
    });
  });

  test('that it did not answer, when the call is cancelled', async () => {
    const { agents, web1 } = await impostor(() => undefined);
    await expect(agents.inventory(web1, AbortSignal.timeout(50))).rejects.toMatchObject({
      name: 'AgentUnreachable',
      message: 'The agent of web-1 was not waited for any longer: the call was cancelled.',
    });
  });
});

/** Somebody with web-1's certificate who is no agent. */
async function impostor(answer: RequestListener) {
  const authority = await openAuthority(join(await temporaryFolder(), 'authority'));
  const { key, certificate: cert, authority: ca } = await endpointIdentity(authority, 'web-1');
  const server = createServer({ key, cert, ca, requestCert: true }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const web1: AgentIdentity = { endpointId: 'web-1', address };
  return { agents: httpsAgents(await controlIdentity(authority)), web1 };
}
