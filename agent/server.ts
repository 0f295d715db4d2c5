/** The agent's HTTPS server: mutual TLS, JSON both ways, a fixed table of verbs, a sentence for every refusal. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { maximumBodyBytes } from '../protocol/agent.ts';
import { refusals } from '../protocol/errors.ts';
import type { Identity } from './identity.ts';
import { PackageManagerFailed } from './machine.ts';
import { Refusal } from './refusal.ts';
import { BodyRefused, readJsonBody } from '../system/json-body.ts';
import type { Answer, Route } from './routes.ts';

/** Enough for every worker of a site; a caller that opens more is not one of ours. */
const maximumConnections = 64;
const handshakeMilliseconds = 10_000;

type ServerOptions = {
  readonly identity: Identity;
  /** The common name of the one caller that is answered. */
  readonly caller: string;
  readonly routes: readonly Route[];
  readonly log: (line: string) => void;
};

/** A server that answers its one caller alone. It does not listen yet. */
export function createAgentServer({ identity, ...inside }: ServerOptions): Server {
  const server = createServer(
    {
      key: identity.key,
      cert: identity.certificate,
      ca: identity.authority,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      handshakeTimeout: handshakeMilliseconds,
    },
    (request, response) => {
      void answer(request, inside).then((given) => send(request, response, given));
    },
  );
  server.maxConnections = maximumConnections;
  return server;
}

async function answer(
  request: IncomingMessage,
  { caller, routes, log }: Omit<ServerOptions, 'identity'>,
): Promise<Answer> {
  try {
    checkCaller(request.socket as TLSSocket, caller);
    const { route, id } = findRoute(routes, request.method ?? '', request.url ?? '');
    const body = route.method === 'GET' ? undefined : await readJsonBody(request, maximumBodyBytes);
    return await route.answer(body, id);
  } catch (error) {
    const refusal = toRefusal(error, request, log);
    return {
      status: refusals[refusal.code],
      body: { error: { code: refusal.code, message: refusal.message.slice(0, 2000) } },
    };
  }
}

function checkCaller(socket: TLSSocket, caller: string): void {
  const { subject } = socket.getPeerCertificate();
  if (socket.authorized && subject?.CN === caller) return;
  throw new Refusal('forbidden', `Only a caller whose certificate is named ${caller} may ask this agent.`);
}

function findRoute(routes: readonly Route[], method: string, url: string): { route: Route; id: string } {
  const found = routes.map((route) => ({ route, match: route.path.exec(url) })).filter(({ match }) => match !== null);
  if (found.length === 0)
    throw new Refusal('not found', 'There is nothing at this path; the protocol names the paths.');
  const right = found.find(({ route }) => route.method === method);
  if (right) return { route: right.route, id: right.match?.[1] ?? '' };
  const methods = found.map(({ route }) => route.method).join(' or ');
  throw new Refusal('method not allowed', `This path is asked with ${methods}.`);
}

function toRefusal(error: unknown, request: IncomingMessage, log: (line: string) => void): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof BodyRefused) return new Refusal(error.code, error.message);
  if (error instanceof PackageManagerFailed) return new Refusal('package manager', error.message);
  log(
    `${request.method} ${request.url} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return new Refusal('internal', "The agent could not answer; the agent's own log on the endpoint says why.");
}

function send(request: IncomingMessage, response: ServerResponse, { status, body }: Answer): void {
  const text = JSON.stringify(body);
  // What is left of a body that was not read must not be taken for the next request.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}
