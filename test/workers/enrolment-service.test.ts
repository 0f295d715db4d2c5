/** What a site's enrolment service lets through: anybody on the site's network may knock. */
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { refusalSchema } from '../../protocol/errors.ts';
import { type Enrol, EnrolmentRefused, startEnrolmentService } from '../../workers/enrolment-service.ts';
import { temporaryFolder } from '../setup/folder.ts';

const token = 'abcdefghijklmnopqrstuvwxyz-_0123';
const asked = { token, certificateRequest: 'PEM' };

test('a token that is none by its shape is refused before anybody is asked', async () => {
  const enrol = vi.fn<Enrol>();
  const post = await startService(enrol);
  for (const wrong of ['short', `${token}4`, `${token.slice(0, 31)}/`, '']) {
    const { status, message } = await post({ ...asked, token: wrong });
    expect([status, message]).toEqual([400, expect.stringContaining('token')]);
  }
  expect(enrol).not.toHaveBeenCalled();
});

test('a body that is too long is answered so, also when the caller has not said how long it is', async () => {
  const enrol = vi.fn<Enrol>();
  const post = await startService(enrol);
  const { status, message } = await post({ ...asked, certificateRequest: 'x'.repeat(500_000) });
  expect([status, message]).toEqual([413, expect.stringContaining('32768 bytes')]);
  expect(enrol).not.toHaveBeenCalled();
});

test.each([
  ['of another type', 'text/plain', JSON.stringify(asked), 'application/json'],
  ['without a type', undefined, JSON.stringify(asked), 'application/json'],
  ['that is no JSON', 'application/json', '{"token": ', 'not valid JSON'],
  [
    'that is no UTF-8',
    'application/json; charset=utf-8',
    Buffer.from([0x22, 0xff, 0xfe, 0x22]),
    'not valid JSON in UTF-8',
  ],
])('a body %s is refused with a sentence, before anybody is asked', async (_, type, body, sentence) => {
  const enrol = vi.fn<Enrol>();
  const post = await startService(enrol);
  const { status, message } = await post(body, type === undefined ? {} : { 'content-type': type });
  expect([status, message]).toEqual([400, expect.stringContaining(sentence)]);
  expect(enrol).not.toHaveBeenCalled();
});

test("the control plane's no is said as a refusal, and its stumbling is not told", async () => {
  const refuses = await startService(() => Promise.reject(new EnrolmentRefused('the token has been used')));
  expect(await refuses(asked)).toEqual({ status: 403, code: 'forbidden', message: 'the token has been used' });
  const silent = vi.spyOn(console, 'error').mockReturnValue();
  onTestFinished(() => silent.mockRestore());
  const stumbles = await startService(() => Promise.reject(new Error('inner workings')));
  expect(await stumbles(asked)).toMatchObject({ status: 500, message: expect.not.stringContaining('inner') as string });
});

test('four enrol at a time; the next is asked to try again, and may when one of them is done', async () => {
  const answers: (() => void)[] = [];
  const enrolled = { endpointId: 'web-1.acme', certificate: 'PEM', authority: 'PEM' };
  const post = await startService(() => new Promise((resolve) => answers.push(() => resolve(enrolled))));
  const first = Array.from({ length: 4 }, () => post(asked));
  await vi.waitFor(() => expect(answers).toHaveLength(4));
  expect(await post(asked)).toMatchObject({ status: 429, code: 'too many' });
  answers.shift()?.();
  expect(await Promise.race(first)).toMatchObject({ status: 200 });
  const next = post(asked);
  await vi.waitFor(() => expect(answers).toHaveLength(4));
  for (const answer of answers) answer();
  expect(await next).toMatchObject({ status: 200 });
  await Promise.all(first);
});

type ServiceAnswer = { readonly status: number; readonly code?: string; readonly message?: string };

const json = { 'content-type': 'application/json' };

type Post = (body: unknown, headers?: Readonly<Record<string, string>>) => Promise<ServiceAnswer>;

/** What is neither text nor bytes is sent as JSON. */
async function startService(enrol: Enrol): Promise<Post> {
  const authority = await openAuthority(join(temporaryFolder(), 'authority'));
  const server = { name: 'enrolment.berlin.acme', addresses: ['127.0.0.1'], validityDays: 1 };
  const service = await startEnrolmentService({
    ...(await authority.issueServer(server)),
    host: '127.0.0.1',
    port: 0,
    enrol,
  });
  onTestFinished(() => service.stop());
  const ca = await authority.certificate();
  return (body, headers = json) =>
    new Promise((resolve, reject) => {
      const url = `https://127.0.0.1:${service.port}/v1/enrol`;
      // Written in two, so that its length is not said beforehand.
      const sent = request(url, { method: 'POST', ca, agent: false, headers }, (response) => {
        text(response).then((said) => resolve(answerOf(response.statusCode ?? 0, said)), reject);
      });
      sent.on('error', reject);
      const written =
        body instanceof Buffer ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      sent.write(written.subarray(0, 2));
      sent.end(written.subarray(2));
    });
}

function answerOf(status: number, said: string): ServiceAnswer {
  const { data } = refusalSchema.safeParse(JSON.parse(said));
  return data ? { status, ...data.error } : { status };
}
