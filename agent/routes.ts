/** The verbs of the protocol, as the table in protocol/agent.ts says. There is none that runs a command. */
import type { z } from 'zod';
import {
  changelogsRequestSchema,
  checksRequestSchema,
  dryRunRequestSchema,
  observeRequestSchema,
  operationId,
  submitRequestSchema,
  updatesRequestSchema,
} from '../protocol/agent.ts';
import type { Check } from '../domain/endpoints/check.ts';
import type { OperationReport } from '../domain/endpoints/operation.ts';
import type { Machine } from './machine.ts';
import type { Operations } from './operations.ts';
import { Refusal, describeIssues } from './refusal.ts';
import { agentVersion, runtimeVersion } from './version.ts';

export type Answer = { readonly status: number; readonly body: unknown };

export type Route = {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Its first group is the id in the path. */
  readonly path: RegExp;
  readonly answer: (body: unknown, id: string) => Promise<Answer>;
};

export type RouteParts = {
  readonly endpointId: string;
  readonly machine: Machine;
  readonly operations: Operations;
  readonly readGeneration: () => Promise<number>;
};

export function routesOf({ endpointId, machine, operations, readGeneration }: RouteParts): readonly Route[] {
  const now = () => new Date().toISOString();
  return [
    {
      method: 'GET',
      path: /^\/v1\/health$/,
      answer: async () => {
        const [generation, bootId] = await Promise.all([readGeneration(), machine.bootId()]);
        return ok({ agentVersion, runtimeVersion, endpointId, generation, bootId });
      },
    },
    {
      method: 'GET',
      path: /^\/v1\/pending-reboot$/,
      answer: async () => {
        const [bootId, pendingReboot] = await Promise.all([machine.bootId(), machine.pendingReboot()]);
        return ok({ bootId, pendingReboot });
      },
    },
    {
      method: 'GET',
      path: /^\/v1\/inventory$/,
      answer: async () => {
        const facts = await machine.facts();
        return ok({ ...facts, takenAt: now(), generation: await readGeneration(), agentVersion, runtimeVersion });
      },
    },
    {
      method: 'POST',
      path: /^\/v1\/updates$/,
      answer: async (body) => {
        parse(updatesRequestSchema, body);
        return ok({ updates: await machine.packages.availableUpdates() });
      },
    },
    {
      method: 'POST',
      path: /^\/v1\/dry-run$/,
      answer: async (body) => ok(await machine.packages.dryRun(parse(dryRunRequestSchema, body).patches)),
    },
    {
      method: 'POST',
      path: /^\/v1\/changelogs$/,
      answer: async (body) =>
        ok({ entries: await machine.packages.changelogs(parse(changelogsRequestSchema, body).patches) }),
    },
    {
      method: 'POST',
      path: /^\/v1\/checks$/,
      answer: async (body) => ok({ results: await runChecks(machine, parse(checksRequestSchema, body).checks) }),
    },
    {
      method: 'POST',
      path: /^\/v1\/observe$/,
      answer: async (body) => {
        const { packages, checks } = parse(observeRequestSchema, body);
        const generation = await readGeneration();
        const [observation, results] = await Promise.all([machine.observe(packages), runChecks(machine, checks)]);
        return ok({ ...observation, observedAt: now(), generation, checks: results });
      },
    },
    {
      method: 'PUT',
      path: /^\/v1\/operations\/([^/?#]*)$/,
      answer: async (body, id) => {
        const request = parse(submitRequestSchema, body);
        return reported(await operations.submit(parseOperationId(id), request));
      },
    },
    {
      method: 'GET',
      path: /^\/v1\/operations\/([^/?#]*)$/,
      answer: async (_body, id) => {
        const report = await operations.report(parseOperationId(id));
        if (report) return reported(report);
        throw new Refusal('not found', `This agent has never heard of operation ${id}.`);
      },
    },
  ];
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function reported(report: OperationReport): Answer {
  return { status: report.state === 'running' ? 202 : 200, body: report };
}

function runChecks(machine: Machine, checks: readonly Check[]) {
  return Promise.all(checks.map((check) => machine.check(check)));
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new Refusal('bad request', `${describeIssues(parsed.error)}.`);
}

function parseOperationId(id: string): string {
  const parsed = operationId.safeParse(id);
  if (parsed.success) return parsed.data;
  throw new Refusal('bad request', 'The operation id in the path must be 64 hexadecimal digits.');
}
