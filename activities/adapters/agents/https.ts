/** Calls agents over HTTPS with mutual TLS: the wire contract of protocol/agent.ts. */
import { Agent } from 'node:https';
import { connect } from 'node:tls';
import axios from 'axios';
import type { z } from 'zod';
import type { AgentAddress } from '../../../domain/endpoints/endpoint.ts';
import {
  availableUpdatesSchema,
  bootStateSchema,
  changelogsSchema,
  checksSchema,
  dryRunSchema,
  evidenceSchema,
  healthSchema,
  inventorySchema,
  operationReportSchema,
} from '../../../protocol/agent.ts';
import { AgentUnreadable } from '../../ports/agent.ts';
import type { AgentIdentity, AgentPort } from '../../ports/agent.ts';
import { agentRefusal, asAgentError, checkEndpointIdentity } from './answers.ts';

/** PEM, all three: what workers are known by, and the authority that signed the agents. */
export type ControlIdentity = {
  readonly key: string;
  readonly certificate: string;
  readonly authority: string;
};

const connectMilliseconds = 5000;
/** An inventory of 20,000 packages has about 2 MB. */
const maximumAnswerBytes = 16 * 1024 * 1024;
/** Connections are kept for this many endpoints; the others only pay for a new handshake. */
const endpointsRemembered = 500;
const connectionsPerEndpoint = 4;

/** How long an agent may take to answer, in milliseconds: what it does before it answers differs much. */
const answerWithinMilliseconds = { health: 5000, question: 60_000, updates: 180_000, operation: 20_000 } as const;

type Call<Schema extends z.ZodType> = {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly body?: unknown;
  readonly answer: Schema;
  readonly milliseconds: number;
  readonly signal: AbortSignal | undefined;
};

/** The agents of all endpoints whose certificates `identity.authority` signed. */
export function httpsAgents(identity: ControlIdentity): AgentPort {
  const call = caller(identity);
  return {
    health: (agent, signal) =>
      call(agent, {
        ...get('/v1/health'),
        answer: healthSchema,
        milliseconds: answerWithinMilliseconds.health,
        signal,
      }),
    inventory: (agent, signal) =>
      call(agent, {
        ...get('/v1/inventory'),
        answer: inventorySchema,
        milliseconds: answerWithinMilliseconds.question,
        signal,
      }),
    pendingReboot: (agent, signal) =>
      call(agent, {
        ...get('/v1/pending-reboot'),
        answer: bootStateSchema,
        milliseconds: answerWithinMilliseconds.question,
        signal,
      }),
    availableUpdates: async (agent, signal) => {
      const asked = {
        ...post('/v1/updates', {}),
        answer: availableUpdatesSchema,
        milliseconds: answerWithinMilliseconds.updates,
      };
      return (await call(agent, { ...asked, signal })).updates;
    },
    dryRun: (agent, patches, signal) =>
      call(agent, {
        ...post('/v1/dry-run', { patches }),
        answer: dryRunSchema,
        milliseconds: answerWithinMilliseconds.question,
        signal,
      }),
    changelogs: async (agent, patches, signal) => {
      const asked = { ...post('/v1/changelogs', { patches }), answer: changelogsSchema };
      return (await call(agent, { ...asked, milliseconds: answerWithinMilliseconds.question, signal })).entries;
    },
    checks: async (agent, checks, signal) => {
      const asked = {
        ...post('/v1/checks', { checks }),
        answer: checksSchema,
        milliseconds: answerWithinMilliseconds.question,
      };
      return (await call(agent, { ...asked, signal })).results;
    },
    observe: (agent, what, signal) =>
      call(agent, {
        ...post('/v1/observe', what),
        answer: evidenceSchema,
        milliseconds: answerWithinMilliseconds.question,
        signal,
      }),
    submit: async (agent, { operationId, ...request }, signal) => {
      const path = `/v1/operations/${operationId}`;
      const asked = { method: 'PUT', path, body: request, answer: operationReportSchema } as const;
      const report = await call(agent, { ...asked, milliseconds: answerWithinMilliseconds.operation, signal });
      return checkedReport(agent, operationId, report);
    },
    report: async (agent, operationId, signal) => {
      const asked = { ...get(`/v1/operations/${operationId}`), answer: operationReportSchema.nullable() };
      const report = await call(agent, { ...asked, milliseconds: answerWithinMilliseconds.operation, signal });
      return report && checkedReport(agent, operationId, report);
    },
  };
}

const get = (path: string) => ({ method: 'GET', path }) as const;
const post = (path: string, body: unknown) => ({ method: 'POST', path, body }) as const;

function checkedReport<Report extends { readonly operationId: string }>(
  agent: AgentIdentity,
  operationId: string,
  report: Report,
): Report {
  if (report.operationId === operationId) return report;
  throw new AgentUnreadable(`The agent of ${agent.endpointId} answered for another operation than it was asked about.`);
}

function caller(identity: ControlIdentity) {
  const connections = rememberConnections(identity);
  return async <Schema extends z.ZodType>(agent: AgentIdentity, asked: Call<Schema>): Promise<z.infer<Schema>> => {
    const limit = AbortSignal.timeout(asked.milliseconds);
    try {
      const { status, data } = await axios.request<string>({
        method: asked.method,
        url: `https://${agent.endpointId}${asked.path}`,
        httpsAgent: connections(agent),
        signal: asked.signal ? AbortSignal.any([asked.signal, limit]) : limit,
        ...(asked.body === undefined ? {} : { data: JSON.stringify(asked.body) }),
        headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
        responseType: 'text',
        transformResponse: (text: string) => text,
        validateStatus: () => true,
        maxContentLength: maximumAnswerBytes,
        maxBodyLength: maximumAnswerBytes,
        maxRedirects: 0,
        decompress: false,
        proxy: false,
      });
      return readAnswer(agent, asked, status, data);
    } catch (error) {
      throw asAgentError(agent, error, { cancelled: asked.signal?.aborted === true, timedOut: limit.aborted });
    }
  };
}

function readAnswer<Schema extends z.ZodType>(
  agent: AgentIdentity,
  { answer, method, path }: Call<Schema>,
  status: number,
  text: string,
): z.infer<Schema> {
  const json = parseJson(text);
  if (status !== 200 && status !== 202) {
    const refusal = agentRefusal(agent, status, json);
    if (refusal.code === 'not found' && answer.safeParse(null).success) return answer.parse(null);
    throw refusal;
  }
  const parsed = answer.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AgentUnreadable(
    `The agent of ${agent.endpointId} answered ${method} ${path.split('/').slice(0, 3).join('/')} with what the protocol does not know, at ${issue?.path.join('.') || 'the top'}: ${issue?.message}.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One pool of connections an endpoint: the name its certificate must carry belongs to the connection. */
function rememberConnections(identity: ControlIdentity): (agent: AgentIdentity) => Agent {
  const pools = new Map<string, Agent>();
  return (agent) => {
    const name = JSON.stringify([agent.endpointId, agent.address]);
    const pool = pools.get(name) ?? connectionsTo(agent.endpointId, agent.address, identity);
    pools.delete(name);
    pools.set(name, pool);
    const [oldest] = pools.keys();
    if (pools.size > endpointsRemembered && oldest !== undefined) pools.delete(oldest);
    return pool;
  };
}

function connectionsTo(endpointId: string, address: AgentAddress, identity: ControlIdentity): Agent {
  const pool = new Agent({ keepAlive: true, maxSockets: connectionsPerEndpoint });
  const options = {
    ...('socketPath' in address ? { path: address.socketPath } : { host: address.host, port: address.port }),
    key: identity.key,
    cert: identity.certificate,
    ca: identity.authority,
    minVersion: 'TLSv1.2',
    servername: endpointId,
    checkServerIdentity: checkEndpointIdentity(endpointId),
  } as const;
  const createConnection = () => {
    const socket = connect(options);
    const giveUp = () => socket.destroy(Object.assign(new Error('no connection'), { code: 'ETIMEDOUT' }));
    socket.setTimeout(connectMilliseconds, giveUp);
    socket.once('secureConnect', () => {
      socket.setTimeout(0);
      socket.off('timeout', giveUp);
    });
    return socket;
  };
  return Object.assign(pool, { createConnection });
}
