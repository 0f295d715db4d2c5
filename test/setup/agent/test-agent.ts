/** What the agent's tests stand on: an authority, agents over tiny machines with real certificates, a way to call them. */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPairSync, webcrypto } from 'node:crypto';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { onTestFinished } from 'vitest';
import { openAuthority } from '../../../activities/adapters/certificates/authority.ts';
import type { AuthorityPort } from '../../../activities/ports/authority.ts';
import { startAgent } from '../../../agent/agent.ts';
import type { RunningAgent } from '../../../agent/agent.ts';
import type { Machine } from '../../../agent/machine.ts';
import type { ControlIdentity } from '../../../activities/adapters/agents/https.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A folder that goes away with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'patchcycle-agent-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A key and a PKCS#10 request for it, whose subject lies. */
export async function certificateRequest(): Promise<{ key: string; request: string }> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const made = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=somebody-else',
    keys: {
      privateKey: await webcrypto.subtle.importKey(
        'pkcs8',
        createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }),
        algorithm,
        false,
        ['sign'],
      ),
      publicKey: await webcrypto.subtle.importKey(
        'spki',
        createPublicKey(key).export({ type: 'spki', format: 'der' }),
        algorithm,
        true,
        ['verify'],
      ),
    },
    signingAlgorithm: algorithm,
  });
  return { key, request: made.toString('pem') };
}

/** An endpoint's own key and certificate, as a control identity would be shaped. */
export async function endpointIdentity(authority: AuthorityPort, endpointId: string): Promise<ControlIdentity> {
  const { key, request } = await certificateRequest();
  const certificate = await authority.signEndpoint({ endpointId, certificateRequest: request, validityDays: 1 });
  return { key, certificate, authority: await authority.certificate() };
}

/** What a worker is known by: that of a site, or one that every agent without a caller of its own answers. */
export async function controlIdentity(authority: AuthorityPort, siteId?: string): Promise<ControlIdentity> {
  return { ...(await authority.issueControl(1, siteId)), authority: await authority.certificate() };
}

/** Writes an endpoint's identity into its state directory, as an enrolment would. */
export async function writeIdentity(
  authority: AuthorityPort,
  endpointId: string,
  stateDirectory: string,
): Promise<void> {
  const { key, certificate, authority: pem } = await endpointIdentity(authority, endpointId);
  await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
  await writeFile(join(stateDirectory, 'key.pem'), key, { mode: 0o600 });
  await writeFile(join(stateDirectory, 'authority.pem'), pem);
  await writeFile(join(stateDirectory, 'certificate.pem'), certificate);
}

/** A state directory that holds an identity, and goes away with the test. */
async function enrolledState(authority: AuthorityPort, endpointId: string): Promise<string> {
  const stateDirectory = join(await temporaryFolder(), 'state');
  await writeIdentity(authority, endpointId, stateDirectory);
  return stateDirectory;
}

/** An agent over `machine`; stopped with the test. */
export async function startTestAgent(
  machine: Machine,
  options: { stateDirectory?: string; authority?: AuthorityPort; caller?: string } = {},
) {
  const authority = options.authority ?? (await openAuthority(join(await temporaryFolder(), 'authority')));
  const stateDirectory = options.stateDirectory ?? (await enrolledState(authority, 'web-1'));
  const log: string[] = [];
  const start = async (): Promise<RunningAgent> => {
    const agent = await startAgent({
      machine,
      stateDirectory,
      listen: { host: '127.0.0.1', port: 0 },
      ...(options.caller !== undefined && { caller: options.caller }),
      log: (line) => log.push(line),
    });
    onTestFinished(() => agent.stop().catch(() => undefined));
    return agent;
  };
  return { authority, stateDirectory, log, start, agent: await start(), control: await controlIdentity(authority) };
}

export type RawAnswer = { readonly status: number; readonly body: unknown };

/** Says to an agent exactly what the test wants said. Rejects when there is no answer. */
export function say(
  agent: RunningAgent,
  identity: Partial<ControlIdentity> & { readonly authority: string },
  {
    method,
    path,
    body,
    headers = {},
  }: { method: string; path: string; body?: string | Buffer; headers?: Record<string, string> },
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: agent.address.host,
      port: agent.address.port,
      method,
      path,
      ...(identity.key === undefined ? {} : { key: identity.key }),
      ...(identity.certificate === undefined ? {} : { cert: identity.certificate }),
      ca: identity.authority,
      servername: agent.endpointId,
      agent: false,
      headers: { 'Content-Type': 'application/json', ...headers },
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body: text === '' ? null : JSON.parse(text) });
      });
    });
    asked.end(body);
  });
}
