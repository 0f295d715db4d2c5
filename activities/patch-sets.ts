/** Step 4 as rows: which updates endpoints are offered, what vendors say of them, and what the policy decides. */
import { type ChangelogEntry, type KnownExploited, joinAdvisories } from '../domain/advisory.ts';
import { judgeEmergencyUpdate, judgeUpdate } from '../domain/approval.ts';
import { classifyUpdate } from '../domain/classification.ts';
import { type EndpointReference, type SurveyOrder, clientIdOf, nameIn } from '../domain/cycle.ts';
import type { PatchDecision } from '../domain/cycle-facts.ts';
import { compareVersions } from '../domain/debian-version.ts';
import { findingsOf, needsEmergency } from '../domain/findings.ts';
import type { AvailableUpdate, Patch } from '../domain/patch.ts';
import type { Policy } from '../domain/policy.ts';
import { digestOf, toJson } from './audit-trail.ts';
import type { Tenants } from './ports/database.ts';
import type { KevFeed } from './ports/feeds.ts';
import { grouped, openCycleOf, referenceTo } from './rows.ts';

export type ChangelogReader = {
  readonly endpoint: EndpointReference;
  readonly generation: number;
  readonly patches: readonly Patch[];
  readonly planDigest: string;
};

export function patchSetActivities({ tenants, kev }: { tenants: Tenants; kev: KevFeed }) {
  return {
    async recordUpdates({
      order,
      endpointId,
      updates,
    }: {
      order: SurveyOrder;
      endpointId: string;
      updates: readonly AvailableUpdate[];
    }): Promise<void> {
      const { cycleId, clientId } = order;
      await tenants.forClient(clientId).cyclePatch.createMany({
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
    },

    /**
     * Which changelogs nobody has read, or not far enough back, and the endpoint to read each from: the one with the
     * oldest version installed, so that the others' are covered.
     */
    async changelogsToRead({ cycleId }: { cycleId: string }): Promise<readonly ChangelogReader[]> {
      const db = tenants.forClient(clientIdOf(cycleId));
      const offered = await db.cyclePatch.findMany({
        where: { cycleId, decision: 'offered' },
        include: { inCycle: { include: { endpoint: true } } },
        orderBy: [{ endpointId: 'asc' }, { package: 'asc' }],
      });
      const oldest = new Map<string, (typeof offered)[number]>();
      for (const row of offered) {
        const key = `${row.source} ${row.sourceVersion} ${row.package}`;
        const known = oldest.get(key);
        if (!known || compareVersions(row.fromVersion ?? '0', known.fromVersion ?? '0') < 0) oldest.set(key, row);
      }
      const read = await db.advisory.findMany({ where: { readAt: { not: null } } });
      const readBackTo = new Map(read.map((row) => [`${row.source} ${row.version}`, row.readFrom]));
      const unread = [...oldest.values()].filter((row) => {
        const back = readBackTo.get(`${row.source} ${row.sourceVersion}`);
        return !back || compareVersions(row.fromVersion ?? '0', back) < 0;
      });
      return [...grouped(unread, (row) => row.endpointId).values()].map((rows) => {
        const patches = rows.map(toPatch);
        const { endpoint } = (rows[0] as (typeof rows)[number]).inCycle;
        const { generation } = endpoint;
        return { endpoint: referenceTo(endpoint), generation, patches, planDigest: digestOf(patches) };
      });
    },

    async recordAdvisories({
      cycleId,
      patches,
      entries,
    }: {
      cycleId: string;
      patches: readonly Patch[];
      entries: readonly ChangelogEntry[];
    }): Promise<void> {
      const db = tenants.forClient(clientIdOf(cycleId));
      const now = new Date();
      for (const source of await sourcesOf(db, cycleId, patches)) {
        const key = { source: source.source, version: source.version };
        const of = entries.filter((entry) => entry.source === source.source);
        const row = { entries: toJson(of), readFrom: source.from, readAt: now, unreadBecause: null };
        await db.advisory.upsert({
          where: { source_version: key },
          create: { ...key, ...row, firstSeenAt: now },
          update: row,
        });
      }
    },

    /** What could not be read stays unknown, with the reason, and counts as severe. */
    async recordUnread({
      cycleId,
      patches,
      because,
    }: {
      cycleId: string;
      patches: readonly Patch[];
      because: string;
    }): Promise<void> {
      const db = tenants.forClient(clientIdOf(cycleId));
      const now = new Date();
      for (const { source, version } of await sourcesOf(db, cycleId, patches)) {
        await db.advisory.upsert({
          where: { source_version: { source, version } },
          create: { source, version, unreadBecause: because, firstSeenAt: now },
          update: { unreadBecause: because },
        });
      }
    },

    /** Classifies every offered update, joins it to what is published, and judges it by the policy. */
    async judgeUpdates({ cycleId }: { cycleId: string }): Promise<{
      readonly patches: number;
      readonly because: readonly string[];
    }> {
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      const exploited = await kev.catalogue();
      const offered = await db.cyclePatch.findMany({ where: { cycleId } });
      const published = new Map(
        (await db.advisory.findMany({ where: { source: { in: offered.map((row) => row.source) } } })).map((row) => [
          `${row.source} ${row.version}`,
          row,
        ]),
      );
      const now = new Date().toISOString();
      const counts = new Map<string, number>();
      const urgent = new Set<string>();
      for (const [endpointId, rows] of grouped(offered, (row) => row.endpointId)) {
        const entries = rows.flatMap(
          (row) => published.get(sourceKey(row))?.entries ?? [],
        ) as unknown as ChangelogEntry[];
        const judged = judgeEndpoint({
          endpointId,
          rows,
          entries,
          exploited,
          policy,
          advisory: cycle.advisory,
          now,
          published,
        });
        for (const { row, data } of judged.patches) {
          counts.set(data.decision, (counts.get(data.decision) ?? 0) + 1);
          const { package: name, architecture } = row;
          await db.cyclePatch.update({
            where: { cycleId_endpointId_package_architecture: { cycleId, endpointId, package: name, architecture } },
            data,
          });
        }
        for (const why of judged.urgent) urgent.add(why);
      }
      return {
        patches: counts.get('approved') ?? 0,
        because: [
          [...counts].map(([decision, count]) => `${count} ${decision}`).join(', ') ||
            'no endpoint is offered an update',
          ...[...urgent].map((why) => `needs an emergency cycle: ${why}`),
        ],
      };
    },
  };
}

type Row = {
  package: string;
  architecture: string;
  fromVersion: string | null;
  toVersion: string;
  source: string;
  sourceVersion: string;
  origins: string[];
  sizeBytes: number;
};

export function toPatch(row: Pick<Row, 'package' | 'architecture' | 'fromVersion' | 'toVersion'>): Patch {
  return { package: row.package, architecture: row.architecture, from: row.fromVersion, to: row.toVersion };
}

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

/** Everything that is decided of one endpoint's offered updates, and what is said at once. */
function judgeEndpoint(of: {
  endpointId: string;
  rows: readonly Row[];
  entries: readonly ChangelogEntry[];
  exploited: ReadonlyMap<string, KnownExploited>;
  policy: Policy;
  advisory: string | null;
  now: string;
  published: ReadonlyMap<string, { firstSeenAt: Date }>;
}) {
  const { endpointId, policy, advisory, now } = of;
  const facts = joinAdvisories(of.rows.map(toUpdate), of.entries, of.exploited);
  const factsOf = new Map(facts.map((one) => [`${one.source} ${one.version}`, one]));
  const urgent: string[] = [];
  const patches = of.rows.flatMap((row) => {
    const fact = factsOf.get(sourceKey(row));
    if (!fact) return [];
    const classification = classifyUpdate(toUpdate(row), fact);
    const firstSeenAt = of.published.get(sourceKey(row))?.firstSeenAt.toISOString() ?? now;
    const update = {
      package: row.package,
      to: row.toVersion,
      cves: fact.cves,
      classification,
      releasedAt: fact.publishedAt,
      firstSeenAt,
    };
    const question = { update, endpointId: nameIn(endpointId), policy, now };
    const approval = advisory ? judgeEmergencyUpdate({ ...question, advisory }) : judgeUpdate(question);
    const findings = findingsOf(endpointId, [fact], () => classification.severity, firstSeenAt);
    urgent.push(...needsEmergency(findings).because);
    const data = {
      class: classification.class,
      severity: classification.severity,
      cves: [...fact.cves],
      exploited: toJson(fact.exploited),
      publishedAt: fact.publishedAt,
      dueAt: findings[0]?.dueAt ?? null,
      decision: decisionOf(approval),
      rule: approval.rule,
      because: [...approval.because, ...classification.because, ...fact.because],
    };
    return [{ row, data }];
  });
  return { patches, urgent };
}

function sourceKey(row: { source: string; sourceVersion: string }): string {
  return `${row.source} ${row.sourceVersion}`;
}

/** `deferred` says in the report what it is deferred for: an exception, or time. */
function decisionOf(approval: ReturnType<typeof judgeUpdate>): PatchDecision {
  if (approval.decision !== 'deferred') return approval.decision;
  return approval.rule === 'exception' ? 'excepted' : 'waiting';
}

async function sourcesOf(db: ReturnType<Tenants['forClient']>, cycleId: string, patches: readonly Patch[]) {
  const rows = await db.cyclePatch.findMany({
    where: { cycleId, OR: patches.map((patch) => ({ package: patch.package, toVersion: patch.to })) },
  });
  const sources = new Map<string, { source: string; version: string; from: string | null }>();
  for (const row of rows) {
    const key = `${row.source} ${row.sourceVersion}`;
    const known = sources.get(key);
    const older = !known || compareVersions(row.fromVersion ?? '0', known.from ?? '0') < 0;
    if (older) sources.set(key, { source: row.source, version: row.sourceVersion, from: row.fromVersion });
  }
  return [...sources.values()];
}
