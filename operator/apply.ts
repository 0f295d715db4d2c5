/** A client's files as rows: what is applied is what cycles started from then on follow. */
import { resolve } from 'node:path';
import { ClientFilesInvalid, readClientFiles } from '../activities/adapters/policy-files/yaml.ts';
import { type AuditEntry, appendAudit, digestOf, toJson } from '../record/audit.ts';
import type { Tenants, Transaction } from '../record/database.ts';
import type { Running } from './connect.ts';
import { Prisma } from '../prisma/generated/client.ts';
import type { ClientFiles } from '../domain/policies/policy.ts';
import { InvalidRequest } from './errors.ts';
import { idIn } from '../domain/ids.ts';

export type Applied = {
  readonly client: string;
  readonly sites: number;
  readonly endpoints: number;
  /** Endpoints, sites and policies that are no longer stated: `endpoint web-1`. They are not patched any more. */
  readonly retired: readonly string[];
  /** `servers, version 3`, and whether it is new. */
  readonly policies: readonly { readonly name: string; readonly version: number; readonly changed: boolean }[];
};

/**
 * Reads a client's directory of YAML.
 * @throws InvalidRequest with every problem that was found, a line each
 */
export async function readClient(directory: string): Promise<ClientFiles> {
  return readClientFiles(resolve(directory)).catch((error: unknown) => {
    throw error instanceof ClientFilesInvalid ? new InvalidRequest(error.message) : error;
  });
}

/**
 * Puts a client's files in force: applies them, and has Temporal start by itself what they plan and the chores. Where
 * Temporal cannot be reached nothing is applied.
 */
export async function putInForce(
  { tenants, temporal }: Pick<Running, 'tenants' | 'temporal'>,
  files: ClientFiles,
  appliedBy: string,
): Promise<Applied & { readonly schedules: readonly string[] }> {
  const { installChores, installSchedules } = await import('./schedules.ts');
  const client = await temporal();
  const applied = await applyClient(tenants, files, appliedBy);
  const schedules = await installSchedules(client, files);
  await installChores(client);
  return { ...applied, schedules };
}

/** A client may have thousands of endpoints, and the database may be busy: longer than Prisma waits by itself. */
const transactionOptions = { timeout: 120_000, maxWait: 30_000 };

/**
 * Applies a client's files as a whole or not at all: what they no longer state is no longer in force. The same files
 * again change nothing.
 */
export async function applyClient(tenants: Tenants, files: ClientFiles, appliedBy: string): Promise<Applied> {
  const clientId = files.client.id;
  const application = { files, appliedBy, appliedAt: new Date() };
  return tenants.forClient(clientId).$transaction(async (tx) => {
    const before = await tx.client.findFirst({ select: { policyNames: true } });
    await writeStated(tx, application);
    const policyNames = files.policies.map((policy) => policy.name);
    const retired = [
      ...(await retire(tx, application)),
      ...(before?.policyNames ?? []).filter((name) => !policyNames.includes(name)).map((name) => `policy ${name}`),
    ];
    const policies = await writePolicies(tx, application);
    await appendAudit(tx, clientId, [auditOf(application, policies, retired)]);
    return { client: clientId, sites: files.sites.length, endpoints: files.endpoints.length, retired, policies };
  }, transactionOptions);
}

type Application = { readonly files: ClientFiles; readonly appliedBy: string; readonly appliedAt: Date };

/** The client, its sites and its endpoints. */
async function writeStated(tx: Transaction, { files, appliedAt }: Application): Promise<void> {
  const { client } = files;
  const policyNames = files.policies.map((policy) => policy.name);
  const own = { name: client.name, segments: toJson(files.segments), policyNames, appliedAt };
  await tx.client.upsert({ where: { id: client.id }, create: { id: client.id, ...own }, update: own });
  for (const site of files.sites) {
    const id = idIn(client.id, site.id);
    const row = {
      name: site.id,
      timeZone: site.timeZone,
      networks: toJson(site.networks),
      blackouts: toJson(site.blackouts),
      budget: site.budget ? toJson(site.budget) : Prisma.DbNull,
      retiredAt: null,
    };
    await tx.site.upsert({ where: { id }, create: { id, clientId: client.id, ...row }, update: row });
  }
  for (const { name, siteId, ...stated } of files.endpoints) {
    const id = idIn(client.id, name);
    const row = { siteId: idIn(client.id, siteId), name, ...stated, tags: [...stated.tags], retiredAt: null };
    await tx.endpoint.upsert({ where: { id }, create: { id, clientId: client.id, ...row }, update: row });
  }
}

/** A policy that says something else than its newest version gets a new one. */
async function writePolicies(tx: Transaction, application: Application): Promise<Applied['policies']> {
  const { files, appliedAt, appliedBy } = application;
  const clientId = files.client.id;
  const policies: Applied['policies'][number][] = [];
  for (const policy of files.policies) {
    const { name } = policy;
    const digest = digestOf(policy);
    const newest = await tx.policyVersion.findFirst({ where: { name }, orderBy: { version: 'desc' } });
    const changed = newest?.digest !== digest;
    const version = (newest?.version ?? 0) + (changed ? 1 : 0);
    policies.push({ name, version, changed });
    if (!changed) continue;
    const row = { name, version, digest, content: toJson(policy), appliedAt, appliedBy };
    await tx.policyVersion.create({ data: { id: `${clientId}/${name}/${version}`, clientId, ...row } });
  }
  return policies;
}

function auditOf(
  { files, appliedAt, appliedBy }: Application,
  policies: Applied['policies'],
  retired: readonly string[],
): AuditEntry {
  return {
    key: `apply ${appliedAt.toISOString()}`,
    at: appliedAt.toISOString(),
    actor: appliedBy,
    action: 'apply files',
    subject: files.client.id,
    because: [
      ...policies.filter((policy) => policy.changed).map(({ name, version }) => `${name}, version ${version}`),
      ...retired.map((what) => `retired: ${what}`),
    ],
  };
}

/** Marks what the files no longer name; in words. */
async function retire(tx: Transaction, { files, appliedAt: retiredAt }: Application): Promise<readonly string[]> {
  const gone = (stated: readonly string[]) => ({ retiredAt: null, name: { notIn: [...stated] } });
  const endpoints = gone(files.endpoints.map((endpoint) => endpoint.name));
  const sites = gone(files.sites.map((site) => site.id));
  const names = [
    ...(await tx.endpoint.findMany({ where: endpoints })).map(({ name }) => `endpoint ${name}`),
    ...(await tx.site.findMany({ where: sites })).map(({ name }) => `site ${name}`),
  ];
  await tx.endpoint.updateMany({ where: endpoints, data: { retiredAt } });
  await tx.site.updateMany({ where: sites, data: { retiredAt } });
  return names;
}
