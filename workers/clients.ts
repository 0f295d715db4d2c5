/** A client's files as rows: what is applied is what cycles started from then on follow. */
import { resolve } from 'node:path';
import { ClientFilesInvalid, readClientFiles } from '../activities/adapters/policy-files/yaml.ts';
import { digestOf, appendAudit, toJson } from '../activities/audit-trail.ts';
import type { Tenants, Transaction } from '../activities/ports/database.ts';
import { Prisma } from '../prisma/generated/client.ts';
import { idIn } from '../domain/cycle.ts';
import type { ClientFiles } from '../domain/policy.ts';
import { AskedWrongly } from './refusals.ts';

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
 * @throws AskedWrongly with every problem that was found, a line each
 */
export async function readClient(directory: string): Promise<ClientFiles> {
  return readClientFiles(resolve(directory)).catch((error: unknown) => {
    throw error instanceof ClientFilesInvalid ? new AskedWrongly(error.message) : error;
  });
}

/**
 * Applies a client's files as a whole or not at all: what they no longer state is no longer in force. The same files
 * again change nothing.
 */
export async function applyClient(tenants: Tenants, files: ClientFiles, appliedBy: string): Promise<Applied> {
  const { client } = files;
  const appliedAt = new Date();
  return tenants.forClient(client.id).$transaction(async (tx) => {
    const before = await tx.client.findFirst({ select: { policyNames: true } });
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
    const retired = [
      ...(await retire(tx, files, appliedAt)),
      ...(before?.policyNames ?? []).filter((name) => !policyNames.includes(name)).map((name) => `policy ${name}`),
    ];
    const policies: { name: string; version: number; changed: boolean }[] = [];
    for (const policy of files.policies) {
      const digest = digestOf(policy);
      const newest = await tx.policyVersion.findFirst({ where: { name: policy.name }, orderBy: { version: 'desc' } });
      if (newest?.digest === digest) {
        policies.push({ name: policy.name, version: newest.version, changed: false });
        continue;
      }
      const version = (newest?.version ?? 0) + 1;
      const id = `${client.id}/${policy.name}/${version}`;
      const row = { name: policy.name, version, digest, content: toJson(policy), appliedAt, appliedBy };
      await tx.policyVersion.create({ data: { id, clientId: client.id, ...row } });
      policies.push({ name: policy.name, version, changed: true });
    }
    await appendAudit(tx, client.id, [
      {
        key: `apply ${appliedAt.toISOString()}`,
        at: appliedAt.toISOString(),
        actor: appliedBy,
        action: 'apply files',
        subject: client.id,
        because: [
          ...policies.filter((policy) => policy.changed).map(({ name, version }) => `${name}, version ${version}`),
          ...retired.map((what) => `retired: ${what}`),
        ],
      },
    ]);
    return { client: client.id, sites: files.sites.length, endpoints: files.endpoints.length, retired, policies };
  });
}

/** Marks what the files no longer name; in words. */
async function retire(tx: Transaction, files: ClientFiles, retiredAt: Date): Promise<readonly string[]> {
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
