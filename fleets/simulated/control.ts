/**
 * The control API: what stands outside the machines, over HTTP on a socket file. JSON both ways.
 *
 * | verb | request | answer |
 * |---|---|---|
 * | GET /v1/status | | fleet status |
 * | GET /v1/sightings?network=CIDR | | { sightings } |
 * | POST /v1/publish | { version, endpoints? } | {} |
 * | POST /v1/endpoints/ID/power | { order } | {} |
 * | POST /v1/endpoints/ID/faults | machine faults | {} |
 * | GET /v1/endpoints/ID/snapshots | | { snapshots } |
 * | PUT /v1/endpoints/ID/snapshots/SNAPSHOT | | snapshot |
 * | GET /v1/endpoints/ID/snapshots/SNAPSHOT/verdict | | verdict |
 * | POST /v1/endpoints/ID/snapshots/SNAPSHOT/restore | { restoreId, generation } | restored |
 * | DELETE /v1/endpoints/ID/snapshots/SNAPSHOT | | {} |
 * | GET /v1/sandboxes | | { sandboxes } |
 * | PUT /v1/sandboxes/SANDBOX | { endpointId } | { certificateRequest } |
 * | POST /v1/sandboxes/SANDBOX/start | { certificate, authority } | agent identity |
 * | DELETE /v1/sandboxes/SANDBOX | | {} |
 *
 * Ids in paths are percent-encoded. A refusal is `{ error }` with a status of 400 and above.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { z } from 'zod';
import { archiveVersionSchema } from './archive.ts';
import { ControlRefusal } from './control-refusal.ts';
import type { Hypervisor } from './hypervisor.ts';
import { machineFaultsSchema } from './machine-state.ts';

const powerRequest = z.strictObject({ order: z.enum(['on', 'off', 'cut']) });
const publishRequest = z.strictObject({ version: archiveVersionSchema, endpoints: z.array(z.string()).optional() });
const restoreRequest = z.strictObject({ restoreId: z.string().min(1), generation: z.number().int().min(1) });
const prepareRequest = z.strictObject({ endpointId: z.string() });
const startRequest = z.strictObject({ certificate: z.string(), authority: z.string() });

type Asked = { readonly ids: readonly [string, string]; readonly query: URLSearchParams; readonly body: unknown };
type Answer = (hypervisor: Hypervisor, asked: Asked) => object | void | Promise<object | void>;

const routes: Readonly<Record<string, Answer>> = {
  'GET status': (hypervisor) => hypervisor.status(),
  'GET sightings': (hypervisor, { query }) => ({ sightings: hypervisor.sightings(query.get('network') ?? '') }),
  'POST publish': (hypervisor, { body }) => {
    const { version, endpoints } = publishRequest.parse(body);
    hypervisor.publish(version, endpoints ?? null);
  },
  'POST endpoints/*/power': (hypervisor, { ids, body }) => hypervisor.power(ids[0], powerRequest.parse(body).order),
  'POST endpoints/*/faults': (hypervisor, { ids, body }) =>
    hypervisor.setFaults(ids[0], machineFaultsSchema.partial().parse(body)),
  'GET endpoints/*/snapshots': (hypervisor, { ids }) => ({ snapshots: hypervisor.listSnapshots(ids[0]) }),
  'PUT endpoints/*/snapshots/*': (hypervisor, { ids }) => hypervisor.createSnapshot(...ids),
  'GET endpoints/*/snapshots/*/verdict': (hypervisor, { ids }) => hypervisor.verifySnapshot(...ids),
  'POST endpoints/*/snapshots/*/restore': (hypervisor, { ids, body }) =>
    hypervisor.restore(...ids, restoreRequest.parse(body)),
  'DELETE endpoints/*/snapshots/*': (hypervisor, { ids }) => hypervisor.deleteSnapshot(...ids),
  'GET sandboxes': (hypervisor) => ({ sandboxes: hypervisor.listSandboxes() }),
  'PUT sandboxes/*': (hypervisor, { ids, body }) =>
    hypervisor.prepareSandbox(prepareRequest.parse(body).endpointId, ids[0]),
  'POST sandboxes/*/start': (hypervisor, { ids, body }) => hypervisor.startSandbox(ids[0], startRequest.parse(body)),
  'DELETE sandboxes/*': (hypervisor, { ids }) => hypervisor.destroySandbox(ids[0]),
};

/** The server of the control API; it listens nowhere yet. */
export function createControlServer(hypervisor: Hypervisor): Server {
  return createServer((request, response) => {
    void answer(hypervisor, request)
      .then((body) => ({ status: 200, body }), refusalOf)
      .then(({ status, body }) =>
        response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body)),
      );
  });
}

async function answer(hypervisor: Hypervisor, request: IncomingMessage): Promise<object> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const parts = url.pathname.split('/').slice(2).map(decodeURIComponent);
  // Every second part of a path is an id: endpoints/ID/snapshots/SNAPSHOT/verdict.
  const pattern = parts.map((part, index) => (index % 2 === 1 ? '*' : part)).join('/');
  const route = routes[`${request.method} ${pattern}`];
  if (route === undefined) throw new ControlRefusal(404, `There is no ${request.method} ${url.pathname}.`);
  const text = await textOf(request);
  const body: unknown = text === '' ? {} : JSON.parse(text);
  return (await route(hypervisor, { ids: [parts[1] ?? '', parts[3] ?? ''], query: url.searchParams, body })) ?? {};
}

function refusalOf(error: unknown): { status: number; body: { error: string } } {
  if (error instanceof ControlRefusal) return { status: error.status, body: { error: error.message } };
  if (error instanceof z.ZodError) return { status: 400, body: { error: z.prettifyError(error) } };
  if (error instanceof SyntaxError || error instanceof URIError) return { status: 400, body: { error: error.message } };
  return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
}

async function textOf(request: IncomingMessage): Promise<string> {
  request.setEncoding('utf8');
  return (await request.toArray()).join('');
}
