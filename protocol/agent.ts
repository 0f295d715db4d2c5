/**
 * What the control plane and an agent say to each other, over HTTPS with mutual TLS, JSON both ways.
 *
 * | verb | request | answer |
 * |---|---|---|
 * | GET /v1/health | | health |
 * | GET /v1/inventory | | inventory |
 * | GET /v1/pending-reboot | | bootState |
 * | POST /v1/updates | {} | { updates } |
 * | POST /v1/dry-run | { patches } | dryRun |
 * | POST /v1/changelogs | { patches } | { entries } |
 * | POST /v1/checks | { checks } | { results } |
 * | POST /v1/observe | { packages, checks } | evidence |
 * | PUT /v1/operations/ID | { generation, permit, body } | operationReport: 202 while it runs, 200 once it ended |
 * | GET /v1/operations/ID | | operationReport, or 404 |
 *
 * Every refusal has the shape in errors.ts. Names and versions are limited to Debian's alphabet here, at the border,
 * so that none can be read as an option or a path further in.
 */
import { z } from 'zod';
import type { ChangelogEntry } from '../domain/patches/advisory.ts';
import type { Check, CheckResult } from '../domain/endpoints/check.ts';
import type { BootState, Inventory } from '../domain/endpoints/endpoint.ts';
import type { Evidence } from '../domain/endpoints/evidence.ts';
import type { OperationBody, OperationReport, Permit } from '../domain/endpoints/operation.ts';
import type { AvailableUpdate, DryRun, Patch } from '../domain/patch.ts';

export const agentPort = 7443;
export const maximumBodyBytes = 256 * 1024;

const instant = z.iso.datetime({ offset: true });
/** Debian Policy §5.6.7. */
export const packageName = z.string().regex(/^[a-z0-9][a-z0-9+.-]{1,127}$/, 'must be a Debian package name');
/** Debian Policy §5.6.12. */
export const packageVersion = z.string().regex(/^[0-9][A-Za-z0-9.+:~-]{0,127}$/, 'must be a Debian version');
const architecture = z.string().regex(/^[a-z0-9][a-z0-9-]{1,31}$/, 'must be a Debian architecture');
const serviceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9@_.\\:-]{0,127}$/, 'must be the name of a systemd unit');
export const operationId = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');
const generation = z.number().int().min(1);

export const patchSchema = z.strictObject({
  package: packageName,
  architecture,
  from: packageVersion.nullable(),
  to: packageVersion,
}) satisfies z.ZodType<Patch>;
const patches = z.array(patchSchema).max(2000);

export const checkSchema = z.union(
  [
    z.strictObject({ service: serviceName }),
    z.strictObject({
      http: z.url({
        protocol: /^https?$/,
        hostname: /^(localhost|127\.0\.0\.1)$/,
        error: 'must be a URL of the endpoint itself (localhost)',
      }),
      expect: z.number().int().min(100).max(599),
    }),
    z.strictObject({ port: z.number().int().min(1).max(65535) }),
  ],
  'must be {service}, {http, expect} or {port}',
) satisfies z.ZodType<Check>;

const checkResultSchema = z.object({
  check: z.string(),
  passed: z.boolean(),
  observed: z.string().max(500),
}) satisfies z.ZodType<CheckResult>;

const installedPackage = z.object({ package: z.string(), version: z.string(), architecture: z.string() });
const pendingReboot = z.object({ due: z.boolean(), because: z.array(z.string()) });
const serviceState = z.object({ service: z.string(), state: z.enum(['running', 'stopped', 'restarting', 'failed']) });

export const inventorySchema = z.object({
  takenAt: instant,
  hostname: z.string(),
  machineId: z.string(),
  bootId: z.string(),
  generation,
  agentVersion: z.string(),
  runtimeVersion: z.string(),
  os: z.object({ id: z.string(), version: z.string(), codename: z.string() }),
  kernel: z.string(),
  hardware: z.object({
    architecture: z.string(),
    cpus: z.number(),
    memoryMebibytes: z.number(),
    rootDiskMebibytes: z.number(),
    rootFreeMebibytes: z.number(),
    virtualization: z.string(),
  }),
  packages: z.array(installedPackage).max(20_000),
  heldPackages: z.array(z.string()),
  applications: z.array(installedPackage),
  services: z.array(serviceState),
  pendingReboot,
  otherUpdaters: z.array(z.object({ name: z.string(), on: z.boolean() })),
}) satisfies z.ZodType<Inventory>;

export const bootStateSchema = z.object({ bootId: z.string(), pendingReboot }) satisfies z.ZodType<BootState>;

export const updatesRequestSchema = z.strictObject({});
export const availableUpdatesSchema = z.object({
  updates: z.array(
    z.object({
      package: packageName,
      architecture,
      from: packageVersion,
      to: packageVersion,
      source: packageName,
      sourceVersion: packageVersion,
      origins: z.array(z.string()),
      sizeBytes: z.number().int().min(0),
    }) satisfies z.ZodType<AvailableUpdate>,
  ),
});

export const dryRunRequestSchema = z.strictObject({ patches });
export const dryRunSchema = z.object({
  patches: z.array(patchSchema),
  removes: z.array(z.string()),
  downgrades: z.array(z.string()),
  impossible: z.array(z.object({ package: z.string(), because: z.string() })),
}) satisfies z.ZodType<DryRun>;

export const changelogsRequestSchema = z.strictObject({ patches });
export const changelogsSchema = z.object({
  entries: z.array(
    z.object({
      package: z.string(),
      source: z.string(),
      version: z.string(),
      distribution: z.string(),
      urgency: z.string(),
      datedAt: instant,
      text: z.string().max(64 * 1024),
    }) satisfies z.ZodType<ChangelogEntry>,
  ),
});

export const checksRequestSchema = z.strictObject({ checks: z.array(checkSchema).max(100) });
export const checksSchema = z.object({ results: z.array(checkResultSchema) });

export const observeRequestSchema = z.strictObject({
  packages: z.array(packageName).max(5000),
  checks: z.array(checkSchema).max(100),
});
export const evidenceSchema = z.object({
  observedAt: instant,
  bootId: z.string(),
  generation,
  installed: z.array(installedPackage),
  audit: z.string(),
  dependencyProblems: z.string(),
  alteredFiles: z.array(z.string()),
  pendingReboot,
  staleServices: z.array(z.string()),
  services: z.array(serviceState),
  checks: z.array(checkResultSchema),
}) satisfies z.ZodType<Evidence>;

const limitMinutes = z.number().int().min(1).max(240);
export const operationBodySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('prefetch'), patches, keepOld: z.boolean().optional() }),
  z.strictObject({
    kind: z.literal('install'),
    patches: patches.min(1),
    allowRemove: z.array(packageName),
    limitMinutes,
  }),
  z.strictObject({ kind: z.literal('repair'), patches, limitMinutes }),
  z.strictObject({
    kind: z.literal('roll back packages'),
    patches: patches.min(1),
    hold: z.array(packageName).max(2000),
    limitMinutes,
  }),
  z.strictObject({ kind: z.literal('reboot'), leaveBootId: z.uuid() }),
  z.strictObject({ kind: z.literal('restart services'), services: z.array(serviceName).min(1).max(200) }),
]) satisfies z.ZodType<OperationBody>;

export const permitSchema = z.strictObject({
  permitId: z.string().min(1).max(200),
  issuedAt: instant,
}) satisfies z.ZodType<Permit>;

export const submitRequestSchema = z.strictObject({ generation, permit: permitSchema, body: operationBodySchema });
export type SubmitRequest = z.infer<typeof submitRequestSchema>;

export const operationReportSchema = z.object({
  operationId,
  kind: z.enum(['prefetch', 'install', 'repair', 'roll back packages', 'reboot', 'restart services']),
  generation,
  state: z.enum(['running', 'succeeded', 'failed', 'interrupted']),
  startedAt: instant,
  endedAt: instant.nullable(),
  because: z.string(),
  packagesAtFault: z.array(z.string()),
  logTail: z.string(),
}) satisfies z.ZodType<OperationReport>;

export const healthSchema = z.object({
  agentVersion: z.string(),
  runtimeVersion: z.string(),
  endpointId: z.string(),
  generation,
  bootId: z.string(),
});
