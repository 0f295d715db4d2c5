/** Step 4 as rows: which updates endpoints are offered, what vendors say of them, and what the policy decides. */
import { type ChangelogEntry, type KnownExploited, joinAdvisories } from '../../domain/patches/advisory.ts';
import { judgeEmergencyUpdate, judgeUpdate } from '../../domain/policies/approval.ts';
import { idOf } from '../../domain/patches/breaker.ts';
import { classifyUpdate } from '../../domain/patches/classification.ts';
import type { EndpointInput, SurveyInput } from '../../domain/rollout/cycle.ts';
import type { PatchDecision } from '../../domain/reports/cycle-facts.ts';
import { type Finding, findingsOf, needsEmergency } from '../../domain/patches/findings.ts';
import type { ExcludedPatch } from '../../domain/patches/excluded.ts';
import { type AvailableUpdate, patchKey } from '../../domain/patch.ts';
import { toJson } from '../../record/audit.ts';
import { excludedFrom } from '../../record/patches/excluded.ts';
import type { Tenants } from '../../record/database.ts';
import type { KevFeed } from '../ports/feeds.ts';
import { readCycle } from '../../record/cycle.ts';
import { lateRecordId, nameIn } from '../../domain/ids.ts';
import { grouped } from '../../domain/grouped.ts';
import { toPatch } from '../../record/endpoints/plans.ts';
import { clientIdOf } from '../../domain/ids.ts';
import { bound } from '../bound.ts';

type Ports = { tenants: Tenants; kev: KevFeed };

export function patchSetActivities(ports: Ports) {
  return bound(ports, {
    recordUpdates,
    judgeUpdates,
    lateSurveyOf,
    approveProven,
  });
}

async function readWorld({ tenants, kev }: Ports, cycleId: string, offered: readonly Row[]): Promise<World> {
  const db = tenants.forClient(clientIdOf(cycleId));
  const sources = [...new Set(offered.map((row) => row.source))];
  const rows = await db.advisory.findMany({ where: { source: { in: sources } } });
  const published = new Map(rows.map((row) => [`${row.source} ${row.version}`, row]));
  const excluded = await excludedFrom(tenants, cycleId, offered.map(toPatch));
  const excludedBy = new Map(excluded.map((patch) => [patchKey(patch), patch]));
  return { published, exploited: await kev.catalogue(), excludedBy };
}

async function recordUpdates(
  { tenants }: Ports,
  {
    input,
    endpointId,
    updates,
  }: {
    input: SurveyInput;
    endpointId: string;
    updates: readonly AvailableUpdate[];
  },
): Promise<void> {
  const { cycleId, clientId } = input;
  const db = tenants.forClient(clientId);
  await db.cycleEndpoint.update({
    where: { cycleId_endpointId: { cycleId, endpointId } },
    data: { surveyedAt: new Date() },
  });
  await db.cyclePatch.createMany({
    skipDuplicates: true,
    data: updates.map((update) => ({
      cycleId,
      endpointId,
      clientId,
      package: update.package,
      architecture: update.architecture,
      fromVersion: update.from,
      toVersion: update.to,
      source: update.source,
      sourceVersion: update.sourceVersion,
      origins: [...update.origins],
      sizeBytes: update.sizeBytes,
      class: 'unknown',
      severity: 'unknown',
      cves: [],
      exploited: [],
      decision: 'offered',
      because: [],
    })),
  });
}

/** Classifies every offered update, joins it to what is published, and judges it by the policy. */
async function judgeUpdates(
  { tenants, kev }: Ports,
  { cycleId }: { cycleId: string },
): Promise<{
  readonly patches: number;
  readonly because: readonly string[];
}> {
  const opened = await readCycle(tenants, cycleId);
  const { db } = opened;
  const offered = await db.cyclePatch.findMany({ where: { cycleId } });
  const world = await readWorld({ tenants, kev }, cycleId, offered);
  const counts = new Map<string, number>();
  const findings: Finding[] = [];
  for (const rows of grouped(offered, (row) => row.endpointId).values()) {
    const judged = judgeEndpoint(opened, world, rows);
    for (const { row, data } of judged.patches) {
      counts.set(data.decision, (counts.get(data.decision) ?? 0) + 1);
      await db.cyclePatch.update({ where: keyOf(row), data });
    }
    findings.push(...judged.findings);
  }
  return {
    patches: counts.get('approved') ?? 0,
    because: [
      [
        ...needsEmergency(findings).because.map((why) => `needs an emergency cycle: ${why}`),
        [...counts].map(([decision, count]) => `${count} ${decision}`).join(', ') || 'no endpoint is offered an update',
      ].join('; '),
    ],
  };
}

/** What has to be asked of a straggler before it can be patched; null when the cycle planned it with the others. */
async function lateSurveyOf(
  { tenants }: Ports,
  { input }: { input: EndpointInput },
): Promise<Omit<SurveyInput, 'subject'> | null> {
  const { cycleId, clientId, endpointId } = input;
  const db = tenants.forClient(clientId);
  const row = await db.cycleEndpoint.findUniqueOrThrow({
    where: { cycleId_endpointId: { cycleId, endpointId } },
    include: { patches: { where: { decision: { not: 'offered' } } } },
  });
  if (row.online && row.patches.length > 0) return null;
  const record = await db.changeRecord.findUnique({ where: { id: lateRecordId(cycleId, endpointId) } });
  if (record) return null;
  const site = { siteId: row.siteId, taskQueue: input.taskQueue, networks: [] };
  return { cycleId, clientId, site, step: 'discovery' };
}

/**
 * Judges a straggler's updates as its cycle judged the others', and approves of them what its cycle has proven, at
 * exactly those versions, and no endpoint has failed with (rule 12: docs/rules.md#rule-12). The rest waits for the next
 * cycle.
 */
async function approveProven({ tenants, kev }: Ports, { input }: { input: EndpointInput }): Promise<void> {
  const { cycleId, endpointId } = input;
  const opened = await readCycle(tenants, cycleId);
  const { db } = opened;
  const offered = await db.cyclePatch.findMany({ where: { cycleId, endpointId } });
  const judged = judgeEndpoint(opened, await readWorld({ tenants, kev }, cycleId, offered), offered);
  for (const { row, data } of judged.patches) {
    const others = await db.cyclePatch.findMany({
      where: { cycleId, package: row.package, architecture: row.architecture, toVersion: row.toVersion },
    });
    const proven = others.some((other) => other.proven) && !others.some((other) => other.proven === false);
    const held = data.decision === 'approved' && !proven;
    const because = held ? ['this cycle has not proven it; the next one judges it', ...data.because] : data.because;
    await db.cyclePatch.update({
      where: keyOf(row),
      data: { ...data, because, decision: held ? 'waiting' : data.decision },
    });
  }
}

type Row = {
  cycleId: string;
  endpointId: string;
  package: string;
  architecture: string;
  fromVersion: string | null;
  toVersion: string;
  source: string;
  sourceVersion: string;
  origins: string[];
  sizeBytes: number;
};

function toUpdate(row: Row): AvailableUpdate {
  return {
    package: row.package,
    architecture: row.architecture,
    from: row.fromVersion ?? '0',
    to: row.toVersion,
    source: row.source,
    sourceVersion: row.sourceVersion,
    origins: row.origins,
    sizeBytes: row.sizeBytes,
  };
}

type World = {
  readonly published: ReadonlyMap<string, { readonly entries: unknown; readonly firstSeenAt: Date }>;
  readonly exploited: ReadonlyMap<string, KnownExploited>;
  /** By `patchKey`: what the bad-patch breaker has stopped for everyone, and what a person has skipped. */
  readonly excludedBy: ReadonlyMap<string, ExcludedPatch>;
};

/** Everything that is decided of one endpoint's offered updates, and the findings they mean. */
function judgeEndpoint(
  { cycle, policy }: Awaited<ReturnType<typeof readCycle>>,
  { published, exploited, excludedBy }: World,
  rows: readonly Row[],
) {
  const now = new Date().toISOString();
  const entries = rows.flatMap((row) => (published.get(sourceKey(row))?.entries ?? []) as ChangelogEntry[]);
  const facts = joinAdvisories(rows.map(toUpdate), entries, exploited);
  const factsOf = new Map(facts.map((one) => [`${one.source} ${one.version}`, one]));
  const findings: Finding[] = [];
  const patches = rows.flatMap((row) => {
    const fact = factsOf.get(sourceKey(row));
    if (!fact) return [];
    const classification = classifyUpdate(toUpdate(row), fact);
    const firstSeenAt = published.get(sourceKey(row))?.firstSeenAt.toISOString() ?? now;
    const { cves, publishedAt } = fact;
    const update = {
      package: row.package,
      to: row.toVersion,
      cves,
      classification,
      releasedAt: publishedAt,
      firstSeenAt,
    };
    const question = { update, endpointName: nameIn(row.endpointId), policy, now };
    const { advisory } = cycle;
    const approval = advisory ? judgeEmergencyUpdate({ ...question, advisory }) : judgeUpdate(question);
    const excluded = excludedBy.get(patchKey(idOf(toPatch(row))));
    const found = findingsOf(row.endpointId, [fact], () => classification.severity, firstSeenAt);
    findings.push(...found);
    const data = {
      class: classification.class,
      severity: classification.severity,
      cves: [...cves],
      exploited: toJson(fact.exploited),
      publishedAt,
      dueAt: found[0]?.dueAt ?? null,
      // Reject beats approve, in an emergency too; what the policy does not approve anyway keeps its decision.
      decision: excluded && approval.decision === 'approved' ? 'dropped' : decisionOf(approval),
      rule: excluded?.rule ?? approval.rule,
      because: [
        ...(excluded ? [excluded.because] : []),
        ...approval.because,
        ...classification.because,
        ...fact.because,
      ],
    };
    return [{ row, data }];
  });
  return { patches, findings };
}

function keyOf(row: Row) {
  const { cycleId, endpointId, package: name, architecture } = row;
  return { cycleId_endpointId_package_architecture: { cycleId, endpointId, package: name, architecture } };
}

function sourceKey(row: { source: string; sourceVersion: string }): string {
  return `${row.source} ${row.sourceVersion}`;
}

/** `deferred` says in the report what it is deferred for: an exception, or time. */
function decisionOf(approval: ReturnType<typeof judgeUpdate>): PatchDecision {
  if (approval.decision !== 'deferred') return approval.decision;
  return approval.rule === 'exception' ? 'excepted' : 'waiting';
}
