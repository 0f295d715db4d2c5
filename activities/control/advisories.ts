/** What vendors publish of the versions that endpoints are offered, as rows of the client whose endpoint read it. */
import type { ChangelogEntry } from '../../domain/patches/advisory.ts';
import type { ChangelogReader } from '../../domain/rollout/cycle.ts';
import { compareVersions } from '../../domain/debian-version.ts';
import type { Patch } from '../../domain/patch.ts';
import { digestOf, toJson } from '../../record/audit.ts';
import type { Database, Tenants } from '../../record/database.ts';
import { referenceTo } from '../../record/cycle.ts';
import { clientIdOf } from '../../domain/ids.ts';
import { grouped } from '../../domain/grouped.ts';
import { toPatch } from '../../record/endpoints/plans.ts';
import { bound } from '../bound.ts';

/** Changelogs of more packages at once would outgrow what a workflow's history takes. */
const packagesAtOnce = 20;
/** Older than every version: for a package that is not installed. */
const oldestVersion = '0';

type Ports = { tenants: Tenants };

export function advisoryActivities(ports: Ports) {
  return bound(ports, {
    changelogsToRead,
    recordAdvisories,
    recordUnread,
  });
}

/**
 * Which changelogs were not read, or not far enough back, and the endpoint to read each from: the one with the
 * oldest version installed, so that the others' are covered.
 */
async function changelogsToRead(
  { tenants }: Ports,
  { cycleId }: { cycleId: string },
): Promise<readonly ChangelogReader[]> {
  const db = tenants.forClient(clientIdOf(cycleId));
  const offered = await db.cyclePatch.findMany({
    where: { cycleId, decision: 'offered' },
    include: { inCycle: { include: { endpoint: true } } },
    orderBy: [{ endpointId: 'asc' }, { package: 'asc' }],
  });
  const read = await db.advisory.findMany({
    where: { readAt: { not: null } },
    select: { source: true, version: true, readFrom: true },
  });
  const readBackTo = new Map(read.map((row) => [`${row.source} ${row.version}`, row.readFrom]));
  const oldest = new Map<string, (typeof offered)[number]>();
  for (const row of offered) {
    const back = readBackTo.get(`${row.source} ${row.sourceVersion}`);
    if (back && !isOlder(row.fromVersion, back)) continue;
    const key = `${row.source} ${row.sourceVersion} ${row.package}`;
    const known = oldest.get(key);
    if (!known || isOlder(row.fromVersion, known.fromVersion)) oldest.set(key, row);
  }
  return [...grouped([...oldest.values()], (row) => row.endpointId).values()].flatMap((rows) =>
    packsOf(rows).map((pack) => {
      const patches = pack.map(toPatch);
      const { endpoint } = pack[0].inCycle;
      const { generation } = endpoint;
      return { endpoint: referenceTo(endpoint), generation, patches, planDigest: digestOf(patches) };
    }),
  );
}

/**
 * Keeps what was read. Readers of one source may come together: entries are joined, and the longest look back counts.
 */
async function recordAdvisories(
  { tenants }: Ports,
  {
    cycleId,
    patches,
    entries,
  }: {
    cycleId: string;
    patches: readonly Patch[];
    entries: readonly ChangelogEntry[];
  },
): Promise<void> {
  const clientId = clientIdOf(cycleId);
  const now = new Date();
  await tenants.forClient(clientId).$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('advisories'), hashtext(${clientId}))`;
    for (const { source, version, from } of await sourcesOf(tx as Database, cycleId, patches)) {
      const key = { clientId_source_version: { clientId, source, version } };
      const known = await tx.advisory.findUnique({ where: key });
      const before = (known?.entries ?? []) as unknown as ChangelogEntry[];
      const all = [...before, ...entries.filter((entry) => entry.source === source)];
      const joined = [...new Map(all.map((entry) => [entry.version, entry])).values()];
      const readFrom = known?.readFrom && isOlder(known.readFrom, from) ? known.readFrom : from;
      const row = { entries: toJson(joined), readFrom, readAt: now, unreadBecause: null };
      const create = { clientId, source, version, ...row, firstSeenAt: now };
      await tx.advisory.upsert({ where: key, create, update: row });
    }
  });
}

/** What could not be read stays unknown, with the reason, and counts as severe. */
async function recordUnread(
  { tenants }: Ports,
  {
    cycleId,
    patches,
    because,
  }: {
    cycleId: string;
    patches: readonly Patch[];
    because: string;
  },
): Promise<void> {
  const clientId = clientIdOf(cycleId);
  const db = tenants.forClient(clientId);
  for (const { source, version } of await sourcesOf(db, cycleId, patches)) {
    await db.advisory.upsert({
      where: { clientId_source_version: { clientId, source, version } },
      create: { clientId, source, version, unreadBecause: because, firstSeenAt: new Date() },
      update: { unreadBecause: because },
    });
  }
}

function isOlder(version: string | null, than: string | null): boolean {
  return compareVersions(version ?? oldestVersion, than ?? oldestVersion) < 0;
}

function packsOf<T>(rows: readonly T[]): [T, ...T[]][] {
  const [first, ...others] = rows;
  if (first === undefined) return [];
  const pack: [T, ...T[]] = [first, ...others.slice(0, packagesAtOnce - 1)];
  return [pack, ...packsOf(others.slice(packagesAtOnce - 1))];
}

async function sourcesOf(db: Database, cycleId: string, patches: readonly Patch[]) {
  const rows = await db.cyclePatch.findMany({
    where: { cycleId, OR: patches.map((patch) => ({ package: patch.package, toVersion: patch.to })) },
  });
  const sources = new Map<string, { source: string; version: string; from: string | null }>();
  for (const row of rows) {
    const key = `${row.source} ${row.sourceVersion}`;
    const known = sources.get(key);
    if (!known || isOlder(row.fromVersion, known.from))
      sources.set(key, { source: row.source, version: row.sourceVersion, from: row.fromVersion });
  }
  return [...sources.values()];
}
