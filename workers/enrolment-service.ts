/** Where a site's endpoints enrol: takes their requests on the site's network and has the control plane sign them. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { type EnrolAnswer, type EnrolRequest, enrolRequestSchema } from '../protocol/enrolment.ts';
import { type RefusalCode, refusals } from '../protocol/errors.ts';
import { BodyRefused, readJsonBody } from '../system/json-body.ts';
import type { enrolEndpoint } from '../workflows/index.ts';
import { controlTaskQueue } from '../domain/ids.ts';

const maximumBodyBytes = 32 * 1024;
// Anything on the site's network may send a request, and each request that is passed on costs a workflow.
const maximumConnections = 50;
const requestMilliseconds = 10_000;
const enrolledAtATime = 4;

/** Has the control plane enrol. Rejects with `EnrolmentRefused` when it says no. */
export type Enrol = (request: EnrolRequest) => Promise<EnrolAnswer>;

/** The control plane's refusal, as a sentence for the caller. */
export class EnrolmentRefused extends Error {
  override readonly name = 'EnrolmentRefused';
}

export type EnrolmentService = {
  readonly host: string;
  /** PEM, both. */
  readonly key: string;
  readonly certificate: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly enrol: Enrol;
};

/** Serves POST /v1/enrol over TLS, where endpoints know the authority beforehand and show their token. */
export async function startEnrolmentService({
  host,
  port,
  key,
  certificate,
  enrol,
}: EnrolmentService): Promise<{ readonly port: number; readonly stop: () => Promise<void> }> {
  const limited = atATime(enrolledAtATime, enrol);
  const tls = { key, cert: certificate, minVersion: 'TLSv1.2', handshakeTimeout: requestMilliseconds } as const;
  const limits = {
    requestTimeout: requestMilliseconds,
    headersTimeout: requestMilliseconds,
    connectionsCheckingInterval: 1000,
  };
  const server = createServer({ ...tls, ...limits }, (request, response) => {
    answer(limited, request).then(
      ([status, body]) => send(response, status, body),
      (error: Error) => {
        console.error(`enrolment: ${error.message}`);
        send(response, ...refusal('internal', 'The request could not be handled; try again later.'));
      },
    );
  });
  server.maxConnections = maximumConnections;
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Enrols by a workflow, since a site has no database and no authority's key. */
export function enrolThrough(client: Client, siteId: string): Enrol {
  return async ({ token, certificateRequest }) => {
    const tokenDigest = digestOf(token);
    try {
      return await client.workflow.execute<typeof enrolEndpoint>('enrolEndpoint', {
        workflowId: `enrolment/${tokenDigest.slice(0, 16)}/${digestOf(certificateRequest).slice(0, 16)}`,
        workflowIdConflictPolicy: 'USE_EXISTING',
        taskQueue: controlTaskQueue,
        // While the control plane is away nothing piles up: the agent asks again.
        workflowExecutionTimeout: '1 minute',
        args: [{ siteId, tokenDigest, certificateRequest }],
      });
    } catch (error) {
      const because = refusedBecause(error);
      throw because ? new EnrolmentRefused(because) : error;
    }
  };
}

function refusedBecause(error: unknown): string | null {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof ApplicationFailure && cause.type === 'EnrolmentRefused') return cause.message;
  return error instanceof WorkflowFailedError ? 'the control plane did not enrol it' : null;
}

type Answer = readonly [status: number, body: unknown];

async function answer(enrol: (asked: EnrolRequest) => Promise<Answer>, request: IncomingMessage): Promise<Answer> {
  if (request.method !== 'POST' || request.url !== '/v1/enrol')
    return refusal('not found', 'This service answers POST /v1/enrol alone.');
  const body = await readJsonBody(request, maximumBodyBytes).catch(bodyRefused);
  if (body instanceof BodyRefused) return refusal(body.code, body.message);
  const asked = enrolRequestSchema.safeParse(body);
  if (asked.success) return enrol(asked.data);
  const [issue] = asked.error.issues;
  return refusal('bad request', `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'is not a request'}.`);
}

function bodyRefused(error: unknown): BodyRefused {
  if (error instanceof BodyRefused) return error;
  throw error;
}

function atATime(most: number, enrol: Enrol): (asked: EnrolRequest) => Promise<Answer> {
  let underWay = 0;
  return async (asked) => {
    if (underWay >= most) return refusal('too many', `${most} endpoints are enrolling here now; try again.`);
    underWay += 1;
    try {
      return [200, await enrol(asked)];
    } catch (error) {
      if (error instanceof EnrolmentRefused) return refusal('forbidden', error.message);
      throw error;
    } finally {
      underWay -= 1;
    }
  };
}

function refusal(code: RefusalCode, message: string): Answer {
  return [refusals[code], { error: { code, message } }];
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
