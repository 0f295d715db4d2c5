/** Who may ask, and what is said to those who ask wrongly. */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { agentVersion } from '../../agent/version.ts';
import { maximumBodyBytes, operationBodySchema } from '../../protocol/agent.ts';
import { refusalSchema } from '../../protocol/errors.ts';
import { controlIdentity, endpointIdentity, say, startTestAgent, temporaryFolder } from '../setup/agent/test-agent.ts';
import type { RawAnswer } from '../setup/agent/test-agent.ts';
import { opensslPatch, tinyMachine } from '../setup/agent/tiny-machine.ts';

const id = 'a'.repeat(64);
const permit = { permitId: 'p1', issuedAt: '2026-11-22T03:00:00.000Z' };
const submission = (body: unknown) => JSON.stringify({ generation: 1, permit, body });
const reboot = submission({ kind: 'reboot', leaveBootId: '11111111-1111-4111-8111-111111111111' });

function refusalOf({ body }: RawAnswer) {
  return refusalSchema.parse(body).error;
}

describe('a caller', () => {
  test('without a certificate gets no answer', async () => {
    const { agent, control, machine } = await prepared();
    const asked = say(
      agent,
      { authority: control.authority },
      { method: 'PUT', path: `/v1/operations/${id}`, body: reboot },
    );
    await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE|ERR_SSL/) as string });
    expect(machine.effects).toEqual([]);
  });

  test('with a certificate of another authority gets no answer, whatever its name', async () => {
    const { agent, control, machine } = await prepared();
    const foreign = await controlIdentity(await openAuthority(join(await temporaryFolder(), 'foreign')));
    const asked = say(
      agent,
      { ...foreign, authority: control.authority },
      { method: 'PUT', path: `/v1/operations/${id}`, body: reboot },
    );
    await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE|ERR_SSL/) as string });
    expect(machine.effects).toEqual([]);
  });

  test("with another endpoint's certificate is refused", async () => {
    const { agent, authority, machine } = await prepared();
    const other = await endpointIdentity(authority, 'web-2');
    const answer = await say(agent, other, { method: 'PUT', path: `/v1/operations/${id}`, body: reboot });
    expect(answer.status).toBe(403);
    expect(refusalOf(answer)).toMatchObject({ code: 'forbidden' });
    expect(machine.effects).toEqual([]);
  });

  test("that is another site's worker, or a worker of no site, is refused by an agent that names its caller", async () => {
    const { agent, authority } = await startTestAgent(tinyMachine(), { caller: 'control.berlin.acme' });
    const health = { method: 'GET', path: '/v1/health' };
    for (const siteId of ['chicago.acme', 'berlin.other', undefined]) {
      const answer = await say(agent, await controlIdentity(authority, siteId), health);
      expect(answer.status).toBe(403);
      expect(refusalOf(answer).message).toContain('control.berlin.acme');
    }
    expect(await say(agent, await controlIdentity(authority, 'berlin.acme'), health)).toMatchObject({ status: 200 });
  });

  test('with the control certificate is answered, again and again over one connection', async () => {
    const { agent, control } = await prepared();
    for (let time = 0; time < 3; time++) {
      expect(await say(agent, control, { method: 'GET', path: '/v1/health' })).toMatchObject({
        status: 200,
        body: { endpointId: 'web-1', generation: 1 },
      });
    }
  });
});

describe('what is asked wrongly gets a sentence', () => {
  const cases: readonly [string, Parameters<typeof say>[2], number, RegExp][] = [
    ['an unknown path', { method: 'GET', path: '/v1/shell' }, 404, /protocol names the paths/],
    ['a path with a query', { method: 'GET', path: '/v1/health?x=1' }, 404, /protocol names the paths/],
    ['another method', { method: 'DELETE', path: `/v1/operations/${id}` }, 405, /PUT or GET/],
    ['an operation id that is none', { method: 'GET', path: '/v1/operations/..%2f..' }, 400, /64 hexadecimal/],
    ['an operation never heard of', { method: 'GET', path: `/v1/operations/${id}` }, 404, /never heard/],
    ['no body', { method: 'POST', path: '/v1/updates' }, 400, /not valid JSON/],
    [
      'a body that is not UTF-8',
      { method: 'POST', path: '/v1/updates', body: Buffer.from([0x22, 0xff, 0x22]) },
      400,
      /UTF-8/,
    ],
    [
      'another content type',
      { method: 'POST', path: '/v1/updates', body: '{}', headers: { 'Content-Type': 'text/plain' } },
      400,
      /application\/json/,
    ],
    [
      'an unknown key',
      { method: 'POST', path: '/v1/updates', body: '{"refresh":false}' },
      400,
      /Unrecognized key: "refresh"/,
    ],
    [
      'a version that is an option',
      {
        method: 'PUT',
        path: `/v1/operations/${id}`,
        body: submission({
          kind: 'install',
          patches: [opensslPatch, { ...opensslPatch, to: '--allow-downgrades' }],
          allowRemove: [],
          limitMinutes: 5,
        }),
      },
      400,
      /^body\.patches\[1\]\.to: must be a Debian version\.$/,
    ],
    [
      'a check of another machine',
      { method: 'POST', path: '/v1/checks', body: '{"checks":[{"http":"http://10.0.0.1/","expect":200}]}' },
      400,
      /^checks\[0\]\.http: must be a URL of the endpoint itself \(localhost\)\.$/,
    ],
    [
      'a check of an unknown kind',
      { method: 'POST', path: '/v1/checks', body: '{"checks":[{"run":"id"}]}' },
      400,
      /^checks\[0\]: must be \{service\}, \{http, expect\} or \{port\}\.$/,
    ],
    [
      'an unknown effect',
      { method: 'PUT', path: `/v1/operations/${id}`, body: submission({ kind: 'shell' }) },
      400,
      /^body\.kind: /,
    ],
    [
      'no permit',
      { method: 'PUT', path: `/v1/operations/${id}`, body: '{"generation":1,"body":{"kind":"shell"}}' },
      400,
      /permit/,
    ],
  ];
  test.each(cases)('%s', async (_what, asked, status, sentence) => {
    const { agent, control, machine, ledger } = await prepared();
    const answer = await say(agent, control, asked);
    expect(answer.status).toBe(status);
    expect(refusalOf(answer).message).toMatch(sentence);
    expect(machine.effects).toEqual([]);
    expect(await ledger()).toEqual([]);
  });

  test('a body that is too large', async () => {
    const { agent, control } = await prepared();
    const body = JSON.stringify({ patches: 'x'.repeat(maximumBodyBytes) });
    const answer = await say(agent, control, { method: 'POST', path: '/v1/dry-run', body });
    expect(answer.status).toBe(413);
    expect(refusalOf(answer)).toMatchObject({ code: 'too large' });
  });

  test("the package manager's words come through, an inner failure's do not", async () => {
    const { agent, control, machine, log } = await prepared();
    machine.mirrorFails = 'The mirror does not answer.';
    const updates = { method: 'POST', path: '/v1/updates', body: '{}' } as const;
    const mirror = await say(agent, control, updates);
    expect([mirror.status, refusalOf(mirror)]).toEqual([
      502,
      { code: 'package manager', message: 'The mirror does not answer.' },
    ]);
    machine.facts = () => Promise.reject(new Error('key at /secret/path'));
    const inner = await say(agent, control, { method: 'GET', path: '/v1/inventory' });
    expect(inner.status).toBe(500);
    expect(JSON.stringify(inner.body)).not.toMatch(/secret|at .*\.ts/);
    expect(log.join('\n')).toMatch(/secret/);
  });
});

test('no body that is not an operation leaves anything in the ledger or reaches the machine', async () => {
  const { agent, control, machine, ledger } = await prepared();
  const broken = fc.oneof(
    fc.json(),
    fc.string(),
    fc.record({ generation: fc.anything(), permit: fc.anything(), body: fc.anything() }).map((value) => toJson(value)),
    fc
      .anything()
      .filter((body) => !operationBodySchema.safeParse(body).success)
      .map((body) => toJson({ generation: 1, permit, body })),
    fc.integer({ max: 0 }).map((generation) => toJson({ generation, permit, body: { kind: 'prefetch', patches: [] } })),
    mutatedInstall(),
  );
  await fc.assert(
    fc.asyncProperty(broken, async (body) => {
      const answer = await say(agent, control, { method: 'PUT', path: `/v1/operations/${id}`, body });
      expect(answer.status).toBe(400);
      expect(refusalOf(answer)).toMatchObject({ code: 'bad request', message: expect.stringMatching(/\.$/) as string });
    }),
    { numRuns: 150 },
  );
  expect(machine.effects).toEqual([]);
  expect(await ledger()).toEqual([]);
});

/** A good install, with one field of one patch turned into something that apt could take for anything else. */
function mutatedInstall(): fc.Arbitrary<string> {
  const foul = fc.constantFrom(
    '',
    ' ',
    '-y',
    '--force-yes',
    '../x',
    '/etc/passwd',
    'a b',
    'a;b',
    '$(id)',
    '`id`',
    'a\nb',
    'a\0',
    'ä',
    'a'.repeat(200),
  );
  return fc.tuple(fc.constantFrom('package', 'architecture', 'from', 'to'), foul).map(([field, value]) =>
    toJson({
      generation: 1,
      permit,
      body: { kind: 'install', patches: [{ ...opensslPatch, [field]: value }], allowRemove: [], limitMinutes: 5 },
    }),
  );
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ?? 'null';
  } catch {
    return 'null';
  }
}

async function prepared() {
  const machine = tinyMachine();
  const stood = await startTestAgent(machine);
  const ledger = () => readdir(join(stood.stateDirectory, 'ledger'));
  return { machine, ledger, ...stood };
}

test('an agent without certificate and enrolment does not start, and says why', async () => {
  const stateDirectory = await temporaryFolder();
  const { startAgent } = await import('../../agent/agent.ts');
  const started = startAgent({ machine: tinyMachine(), stateDirectory, listen: { host: '127.0.0.1', port: 0 } });
  await expect(started).rejects.toThrow(`There is no certificate in ${stateDirectory}`);
  await writeFile(join(stateDirectory, 'certificate.pem'), 'not one');
  const again = startAgent({ machine: tinyMachine(), stateDirectory, listen: { host: '127.0.0.1', port: 0 } });
  await expect(again).rejects.toThrow('key.pem is missing');
});

test('the agent says the version of the project it was built from', async () => {
  const project = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as unknown;
  expect(project).toMatchObject({ version: agentVersion });
});
