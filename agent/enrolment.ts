/** How an endpoint comes by its certificate: protocol/enrolment.ts. */
import 'reflect-metadata';
import { X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { enrolAnswerSchema } from '../protocol/enrolment.ts';
import type { AgentConfiguration, EnrolAnswer } from '../protocol/enrolment.ts';
import { refusalSchema } from '../protocol/errors.ts';
import { makeFolderDurably, writeWhole } from '../system/whole-files.ts';
import { commonNameOf, identityFiles, readIdentity, readPem } from './identity.ts';
import type { Identity } from './identity.ts';

type Enrolment = NonNullable<AgentConfiguration['enrolment']>;

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const requestFile = 'request.pem';
const firstPauseMilliseconds = 500;
const longestPauseMilliseconds = 60_000;
const answerMilliseconds = 15_000;
const maximumAnswerBytes = 64 * 1024;

/**
 * Asks for a certificate until it is given, with longer and longer pauses, and keeps it in the state directory.
 * The key is made once and never leaves the endpoint. Rejects only when `signal` is aborted.
 */
export async function enrol(
  enrolment: Enrolment,
  stateDirectory: string,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<Identity> {
  await makeFolderDurably(stateDirectory);
  const key = await readOrMakeKey(stateDirectory);
  const certificateRequest = await readOrMakeRequest(stateDirectory, key);
  for (let pause = firstPauseMilliseconds; ; pause = Math.min(pause * 2, longestPauseMilliseconds)) {
    try {
      const answer = await ask(enrolment, certificateRequest, signal);
      checkAnswer(answer, key);
      return await keep(stateDirectory, answer);
    } catch (error) {
      signal.throwIfAborted();
      log(`Not enrolled yet at ${enrolment.url}: ${(error as Error).message} Trying again in ${pause / 1000} s.`);
      await delay(pause, undefined, { signal });
    }
  }
}

/** PKCS#8 PEM. */
async function readOrMakeKey(stateDirectory: string): Promise<string> {
  const existing = await readPem(stateDirectory, identityFiles.key);
  if (existing !== null) return existing;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeWhole(join(stateDirectory, identityFiles.key), pem);
  return pem;
}

/**
 * PKCS#10 PEM, kept: a token is used up by the first answer, which may be lost on its way, and only the very same
 * request gets that answer again.
 */
async function readOrMakeRequest(stateDirectory: string, key: string): Promise<string> {
  const existing = await readPem(stateDirectory, requestFile);
  if (existing !== null) return existing;
  const request = await makeRequest(key);
  await writeWhole(join(stateDirectory, requestFile), request);
  return request;
}

async function makeRequest(key: string): Promise<string> {
  const made = await Pkcs10CertificateRequestGenerator.create({
    keys: await importKeys(key),
    signingAlgorithm: algorithm,
  });
  return made.toString('pem');
}

async function importKeys(key: string) {
  const privateKey = createPrivateKey(key);
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  };
}

async function ask(enrolment: Enrolment, certificateRequest: string, signal: AbortSignal): Promise<EnrolAnswer> {
  const body = JSON.stringify({ token: enrolment.token, certificateRequest });
  const asked = request(enrolment.url, {
    method: 'POST',
    ca: enrolment.authority,
    minVersion: 'TLSv1.2',
    signal: AbortSignal.any([signal, AbortSignal.timeout(answerMilliseconds)]),
    agent: false,
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
  });
  asked.end(body);
  const { status, text } = await readResponse(asked).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`no answer (${error.code ?? error.name}).`);
  });
  return readAnswer(status, text);
}

async function readResponse(asked: ClientRequest): Promise<{ readonly status: number; readonly text: string }> {
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  // Reading reports what goes wrong from here on; the request would tell it a second time.
  asked.on('error', () => undefined);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maximumAnswerBytes) throw Object.assign(new Error('too long'), { code: 'TOO_LONG' });
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
}

function readAnswer(status: number, text: string): EnrolAnswer {
  const json = parseJson(text);
  if (status === 200) {
    const answer = enrolAnswerSchema.safeParse(json);
    if (answer.success) return answer.data;
    throw new Error('the answer is not what the protocol says.');
  }
  const refusal = refusalSchema.safeParse(json);
  throw new Error(refusal.success ? refusal.data.error.message : `refused with status ${status}.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A certificate for another key or another name than the answer says would leave an agent that cannot be talked to. */
function checkAnswer(answer: EnrolAnswer, key: string): void {
  if (commonNameOf(answer.certificate) !== answer.endpointId) {
    throw new Error(`the certificate is not named ${answer.endpointId}.`);
  }
  if (!new X509Certificate(answer.certificate).checkPrivateKey(createPrivateKey(key))) {
    throw new Error('the certificate is for another key.');
  }
}

/** The certificate last: its presence is what says that the endpoint is enrolled. */
async function keep(stateDirectory: string, answer: EnrolAnswer): Promise<Identity> {
  await writeWhole(join(stateDirectory, identityFiles.authority), answer.authority);
  await writeWhole(join(stateDirectory, identityFiles.certificate), answer.certificate);
  const identity = await readIdentity(stateDirectory);
  if (!identity) throw new Error('the certificate could not be kept.');
  return identity;
}
