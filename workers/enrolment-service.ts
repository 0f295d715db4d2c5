/** Where a site's endpoints enrol: takes their requests on the site's network and has the control plane sign them. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { controlTaskQueue } from '../domain/cycle.ts';
import { type EnrolAnswer, enrolRequestSchema } from '../protocol/enrolment.ts';
import type { enrolEndpoint } from '../workflows/index.ts';
import type { SiteConfig } from './config.ts';

const maximumBodyBytes = 32 * 1024;

/** Serves POST /v1/enrol over TLS, where endpoints know the authority beforehand and show their token. */
export async function startEnrolmentService(
  config: SiteConfig,
  client: Client,
): Promise<{ readonly stop: () => Promise<void> }> {
  const pem = (name: string) => readFile(join(config.PATCHCYCLE_IDENTITY, name), 'utf8');
  const tls = { key: await pem('enrolment-key.pem'), cert: await pem('enrolment-certificate.pem') };
  const server = createServer({ ...tls, minVersion: 'TLSv1.2' }, (request, response) => {
    answer(client, request).then(
      ([status, body]) => send(response, status, body),
      (error: Error) => {
        console.error(`enrolment: ${error.message}`);
        send(response, 500, refusal('internal', 'The request could not be handled; try again later.'));
      },
    );
  });
  const { host, port } = config.PATCHCYCLE_ENROLMENT;
  server.listen(port, host);
  await once(server, 'listening');
  return {
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answer(client: Client, request: IncomingMessage): Promise<readonly [number, unknown]> {
  if (request.method !== 'POST' || request.url !== '/v1/enrol')
    return [404, refusal('not found', 'This service answers POST /v1/enrol alone.')];
  const body = await readBody(request);
  if (body === null) return [413, refusal('too large', `A request has at most ${maximumBodyBytes} bytes.`)];
  const asked = enrolRequestSchema.safeParse(parseJson(body));
  if (!asked.success) {
    const [issue] = asked.error.issues;
    return [400, refusal('bad request', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'is no JSON'}.`)];
  }
  return enrol(client, asked.data);
}

async function enrol(
  client: Client,
  { token, certificateRequest }: { token: string; certificateRequest: string },
): Promise<readonly [number, EnrolAnswer | ReturnType<typeof refusal>]> {
  const tokenDigest = createHash('sha256').update(token).digest('hex');
  const requestDigest = createHash('sha256').update(certificateRequest).digest('hex');
  try {
    const enrolled = await client.workflow.execute<typeof enrolEndpoint>('enrolEndpoint', {
      workflowId: `enrolment/${tokenDigest.slice(0, 16)}/${requestDigest.slice(0, 16)}`,
      workflowIdConflictPolicy: 'USE_EXISTING',
      taskQueue: controlTaskQueue,
      workflowExecutionTimeout: '5 minutes',
      args: [{ tokenDigest, certificateRequest }],
    });
    return [200, enrolled];
  } catch (error) {
    const because = refusedBecause(error);
    if (because) return [403, refusal('bad request', because)];
    throw error;
  }
}

function refusedBecause(error: unknown): string | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof ApplicationFailure && cause.type === 'EnrolmentRefused') return cause.message;
  return error instanceof WorkflowFailedError ? 'the control plane did not enrol it' : null;
}

function refusal(code: string, message: string) {
  return { error: { code, message } };
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maximumBodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
