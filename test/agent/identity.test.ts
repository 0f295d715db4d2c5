/** The authority, and how an endpoint comes by its certificate. */
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { httpsAgents } from '../../activities/adapters/agents/https.ts';
import type { AuthorityPort } from '../../activities/ports/authority.ts';
import { startAgent } from '../../agent/agent.ts';
import { controlName, enrolRequestSchema } from '../../protocol/enrolment.ts';
import { certificateRequest, controlIdentity, endpointIdentity, temporaryFolder } from '../setup/agent/test-agent.ts';
import { tinyMachine } from '../setup/agent/tiny-machine.ts';

const token = 'token-that-works-once-0123456789';

async function newAuthority(): Promise<AuthorityPort & { readonly folder: string }> {
  const folder = join(await temporaryFolder(), 'authority');
  return { ...(await openAuthority(folder)), folder };
}

describe('the authority', () => {
  test('is made once, and its key is for its owner alone', async () => {
    const authority = await newAuthority();
    const [again, together] = await Promise.all([openAuthority(authority.folder), openAuthority(authority.folder)]);
    expect(await again.certificate()).toBe(await authority.certificate());
    expect(await together.certificate()).toBe(await authority.certificate());
    expect((await stat(join(authority.folder, 'authority-key.pem'))).mode & 0o777).toBe(0o600);
  });

  test('signs what it is told and not what the request says of itself', async () => {
    const authority = await newAuthority();
    const { certificate } = await endpointIdentity(authority, 'web-1');
    const read = new X509Certificate(certificate);
    expect(read.subject).toBe('CN=web-1');
    expect(read.subjectAltName).toBe('DNS:web-1');
    expect(read.verify(new X509Certificate(await authority.certificate()).publicKey)).toBe(true);
    expect(read.ca).toBe(false);
    expect(Date.parse(read.validTo) - Date.now()).toBeLessThanOrEqual(86_400_000);
  });

  test.each([controlName, 'control.berlin.acme', '', 'Web 1', '../web', 'web_1', '*', '*.example', 'a'.repeat(64)])(
    'signs no endpoint called "%s"',
    async (endpointId) => {
      const authority = await newAuthority();
      const { request } = await certificateRequest();
      const signed = authority.signEndpoint({ endpointId, certificateRequest: request, validityDays: 1 });
      await expect(signed).rejects.toMatchObject({ name: 'RequestRefused' });
    },
  );

  test("names a site's worker for its site, and another caller for the provider", async () => {
    const authority = await newAuthority();
    const nameOf = ({ certificate }: { certificate: string }) => new X509Certificate(certificate).subject;
    expect(nameOf(await authority.issueControl(1, 'berlin.acme'))).toBe('CN=control.berlin.acme');
    expect(nameOf(await authority.issueControl(1))).toBe(`CN=${controlName}`);
  });

  test('signs no request whose signature is not its own', async () => {
    const authority = await newAuthority();
    const { request } = await certificateRequest();
    const bytes = Buffer.from(request.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
    bytes[bytes.length - 3]! ^= 1;
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    for (const certificateRequest of [forged, 'not one', await authority.certificate()]) {
      const signed = authority.signEndpoint({ endpointId: 'web-1', certificateRequest, validityDays: 1 });
      await expect(signed).rejects.toMatchObject({ name: 'RequestRefused' });
    }
  });
});

describe('enrolment', () => {
  test('is tried until it succeeds, keeps key and certificate, and is not needed again', async () => {
    const authority = await newAuthority();
    const service = await enrolmentService(authority);
    service.refuse = 1;
    const stateDirectory = join(await temporaryFolder(), 'state');
    const options = { machine: tinyMachine(), stateDirectory, listen: { host: '127.0.0.1', port: 0 } };
    const log: string[] = [];
    const enrolment = { url: service.url, authority: await authority.certificate(), token };
    const agent = await startAgent({ ...options, enrolment, log: (line) => log.push(line) });
    onTestFinished(() => agent.stop());
    expect(agent.endpointId).toBe('web-1');
    expect(log.join('\n')).toMatch(/Not enrolled yet .* The token is not known\. Trying again/);
    expect(log.join('\n')).not.toContain(token);
    expect((await stat(join(stateDirectory, 'key.pem'))).mode & 0o777).toBe(0o600);
    const agents = httpsAgents(await controlIdentity(authority));
    expect(await agents.health({ endpointId: 'web-1', address: agent.address })).toMatchObject({ endpointId: 'web-1' });

    await agent.stop();
    const again = await startAgent(options);
    onTestFinished(() => again.stop());
    expect(service.tokens).toEqual([token, token]);
  });

  test('asks again with the very same request when it was stopped before the answer was kept', async () => {
    const authority = await newAuthority();
    const service = await enrolmentService(authority);
    service.refuse = 1;
    const stateDirectory = join(await temporaryFolder(), 'state');
    const listen = { host: '127.0.0.1', port: 0 };
    const enrolment = { url: service.url, authority: await authority.certificate(), token };
    const options = { machine: tinyMachine(), stateDirectory, listen, enrolment };
    const stopping = new AbortController();
    const first = expect(startAgent({ ...options, signal: stopping.signal })).rejects.toThrow();
    await vi.waitFor(() => expect(service.requests).toHaveLength(1));
    stopping.abort();
    await first;

    const agent = await startAgent(options);
    onTestFinished(() => agent.stop());
    expect(service.requests.at(-1)).toBe(service.requests[0]);
  });

  test('gives its token to nobody whose certificate the known authority did not sign', async () => {
    const authority = await newAuthority();
    const impostor = await enrolmentService(await newAuthority());
    const stopping = new AbortController();
    const log: string[] = [];
    const started = startAgent({
      machine: tinyMachine(),
      stateDirectory: join(await temporaryFolder(), 'state'),
      listen: { host: '127.0.0.1', port: 0 },
      enrolment: { url: impostor.url, authority: await authority.certificate(), token },
      signal: stopping.signal,
      log: (line) => log.push(line),
    });
    const gaveUp = expect(started).rejects.toThrow();
    await vi.waitFor(() => expect(log.length).toBeGreaterThan(0));
    stopping.abort();
    await gaveUp;
    expect(impostor.tokens).toEqual([]);
  });

  test('does not keep a certificate for another key', async () => {
    const authority = await newAuthority();
    const service = await enrolmentService(authority);
    service.answer = async () => (await endpointIdentity(authority, 'web-1')).certificate;
    const stateDirectory = join(await temporaryFolder(), 'state');
    const stopping = new AbortController();
    const log: string[] = [];
    const started = startAgent({
      machine: tinyMachine(),
      stateDirectory,
      listen: { host: '127.0.0.1', port: 0 },
      enrolment: { url: service.url, authority: await authority.certificate(), token },
      signal: stopping.signal,
      log: (line) => log.push(line),
    });
    const gaveUp = expect(started).rejects.toThrow();
    await vi.waitFor(() => expect(log.join()).toContain('the certificate is for another key'));
    stopping.abort();
    await gaveUp;
    await expect(readFile(join(stateDirectory, 'certificate.pem'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

/** The least service that protocol/enrolment.ts describes. */
async function enrolmentService(authority: AuthorityPort) {
  const { key, certificate } = await authority.issueServer({
    name: 'localhost',
    addresses: ['127.0.0.1'],
    validityDays: 1,
  });
  const service = {
    url: '',
    /** How many requests are refused first. */
    refuse: 0,
    tokens: [] as string[],
    requests: [] as string[],
    answer: (certificateRequest: string) =>
      authority.signEndpoint({ endpointId: 'web-1', certificateRequest, validityDays: 1 }),
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const asked = enrolRequestSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    service.tokens.push(asked.token);
    service.requests.push(asked.certificateRequest);
    if (service.refuse-- > 0) {
      response.writeHead(403, { 'Content-Type': 'application/json' });
      return response.end(JSON.stringify({ error: { code: 'forbidden', message: 'The token is not known.' } }));
    }
    const signed = await service.answer(asked.certificateRequest);
    return response.end(
      JSON.stringify({ endpointId: 'web-1', certificate: signed, authority: await authority.certificate() }),
    );
  };
  const server = createServer({ key, cert: certificate }, (request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  service.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/v1/enrol`;
  return service;
}
