/** Reads everything that was recorded of a cycle into the one record that reports, the audit and `why` print from. */
import type { KnownExploited } from '../domain/advisory.ts';
import { compareInventories } from '../domain/audit.ts';
import type { CheckResult } from '../domain/check.ts';
import { type CycleKind, type CycleState, type CycleTrigger, type Step, nameIn, steps } from '../domain/cycle.ts';
import type { AuditFacts, CycleFacts, PatchSetEntry, RecordedFacts } from '../domain/cycle-facts.ts';
import { countFigures } from '../domain/cycle-figures.ts';
import type {
  CheckComparison,
  EndpointFacts,
  EndpointOutcome,
  PatchDecision,
  WaitingFor,
} from '../domain/endpoint-facts.ts';
import type { Inventory } from '../domain/endpoint.ts';
import type { Evidence } from '../domain/evidence.ts';
import type { GateNumbers } from '../domain/gate.ts';
import type { Network, Policy, SegmentRule, Severity, UpdateClass } from '../domain/policy.ts';
import { reviewCycle } from '../domain/review.ts';
import { rulesMatched } from '../domain/rules-matched.ts';
import type { WindowInstant } from '../domain/window.ts';
import type { ChangeRecordContent } from './change-records.ts';
import { toPatch } from './patch-sets.ts';
import type { Tenants } from './ports/database.ts';
import type { SupportFeed } from './ports/feeds.ts';
import { grouped, openCycleOf } from './rows.ts';

const iso = (at: Date | null | undefined) => at?.toISOString() ?? null;

/** The facts of a cycle as they stand now, reviewed and counted. */
export async function readCycleFacts(
  { tenants, support }: { tenants: Tenants; support: SupportFeed },
  cycleId: string,
): Promise<CycleFacts> {
  const rows = await readRows(tenants, cycleId);
  const recorded = await recordedFacts(rows, support);
  return { ...recorded, review: reviewCycle(recorded), figures: countFigures(recorded) };
}

type Rows = Awaited<ReturnType<typeof readRows>>;

async function readRows(tenants: Tenants, cycleId: string) {
  const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
  const [client, sites, members, stepRows, tests, record, gates, sightings, inventories, evidence, snapshots] =
    await Promise.all([
      db.client.findUniqueOrThrow({ where: { id: cycle.clientId } }),
      db.site.findMany({ orderBy: { id: 'asc' } }),
      db.cycleEndpoint.findMany({
        where: { cycleId },
        include: { endpoint: true, patches: { orderBy: [{ package: 'asc' }, { architecture: 'asc' }] } },
        orderBy: { endpointId: 'asc' },
      }),
      db.cycleStep.findMany({ where: { cycleId } }),
      db.sandboxTest.findMany({ where: { cycleId }, orderBy: { attempt: 'asc' } }),
      db.changeRecord.findFirst({ where: { cycleId }, include: { approvals: true }, orderBy: { writtenAt: 'asc' } }),
      db.gateVerdict.findMany({ where: { cycleId }, orderBy: { judgedAt: 'asc' } }),
      db.sighting.findMany({ where: { cycleId, endpointId: null }, orderBy: { address: 'asc' } }),
      db.inventory.findMany({ where: { cycleId }, orderBy: { takenAt: 'asc' } }),
      db.evidence.findMany({ where: { cycleId }, orderBy: { takenAt: 'asc' } }),
      db.snapshotRecord.findMany({ where: { cycleId } }),
    ]);
  const ofPolicy = members.filter((member) => member.policyName === cycle.policyVersion.name);
  return {
    cycle,
    policy,
    client,
    sites,
    members,
    ofPolicy,
    stepRows,
    tests,
    record,
    gates,
    sightings,
    inventories,
    evidence,
    snapshots,
  };
}

async function recordedFacts(rows: Rows, support: SupportFeed): Promise<RecordedFacts> {
  const { cycle, policy, client } = rows;
  return {
    client: { clientId: client.id, name: client.name },
    cycleId: cycle.id,
    kind: cycle.kind as CycleKind,
    reportOnly: policy.mode === 'report only',
    trigger: {
      kind: cycle.trigger as CycleTrigger,
      by: cycle.startedBy,
      because: cycle.advisory ? `emergency for ${cycle.advisory}` : `cycle of ${cycle.civilDate}`,
      advisory: cycle.advisory,
    },
    policy: { name: cycle.policyVersion.name, version: String(cycle.policyVersion.version) },
    state: cycle.state as CycleState,
    startedAt: cycle.startedAt.toISOString(),
    endedAt: iso(cycle.endedAt),
    factsReadAt: new Date().toISOString(),
    steps: steps.map((step) => stepFacts(rows, step)),
    sites: rows.sites.map((site) => ({
      site: site.name,
      timeZone: site.timeZone,
      networks: (site.networks as unknown as Network[]).map((network) => network.cidr),
      window: (cycle.windows as unknown as Record<string, WindowInstant[]>)[site.id]?.[0]?.words ?? null,
    })),
    discovery: discoveryFacts(rows),
    segments: segmentFacts(rows),
    patchSet: patchSetFacts(rows),
    changeRecord: changeRecordFacts(rows),
    gates: rows.gates.map((gate) => ({
      ring: gate.ring,
      verdict: gate.verdict as 'advance' | 'hold' | 'halt',
      because: gate.because,
      numbers: gate.numbers as unknown as GateNumbers,
      decidedAt: gate.judgedAt.toISOString(),
    })),
    endpoints: rows.ofPolicy.map((member) => endpointFacts(rows, member)),
    audit: auditFacts(rows),
    supportEnds: await supportEnds(rows, support),
    exceptions: exceptionFacts(policy),
    rules: rulesMatched({
      policy,
      segments: client.segments as unknown as SegmentRule[],
      endpoints: rows.members.map((member) => ({
        endpoint: nameIn(member.endpointId),
        segment: member.segment,
        ring: member.ring,
      })),
      updates: rows.ofPolicy.flatMap((member) =>
        member.patches.map((patch) => ({
          endpoint: nameIn(member.endpointId),
          package: patch.package,
          to: patch.toVersion,
          cves: patch.cves,
          class: patch.class as UpdateClass,
          severity: patch.severity as Severity,
        })),
      ),
    }),
    notCovered: notCovered(rows),
  };
}

function stepFacts({ stepRows }: Rows, step: Step): RecordedFacts['steps'][number] {
  const row = stepRows.find((one) => one.step === step);
  if (!row)
    return { step, state: 'not reached', startedAt: null, endedAt: null, because: 'the cycle did not come to it' };
  return {
    step,
    state: row.state as 'running' | 'done' | 'failed' | 'left out',
    startedAt: iso(row.startedAt),
    endedAt: iso(row.endedAt),
    because: row.because[0] ?? '',
  };
}

function discoveryFacts({ ofPolicy: members, inventories, sightings }: Rows): RecordedFacts['discovery'] {
  const discovered = new Map(inventories.filter((row) => row.step === 'discovery').map((row) => [row.endpointId, row]));
  const place = (member: Rows['ofPolicy'][number]) => ({
    endpoint: nameIn(member.endpointId),
    site: nameIn(member.siteId),
  });
  return {
    managed: members.flatMap((member) => {
      const inventory = discovered.get(member.endpointId);
      return inventory ? [{ ...place(member), inventoriedAt: inventory.takenAt.toISOString() }] : [];
    }),
    silent: members
      .filter((member) => !discovered.has(member.endpointId))
      .map((member) => ({
        ...place(member),
        lastSeenAt: iso(member.endpoint.lastSeenAt),
        because: member.silentBecause ?? 'it did not answer',
      })),
    unmanaged: sightings.map((sighting) => ({
      site: nameIn(sighting.siteId),
      address: sighting.address,
      macAddress: sighting.macAddress,
      seenAt: sighting.seenAt.toISOString(),
    })),
    otherUpdaters: members
      .flatMap((member) => discovered.get(member.endpointId) ?? [])
      .flatMap((row) =>
        (row.content as unknown as Inventory).otherUpdaters
          .filter((updater) => updater.on)
          .map((updater) => ({ endpoint: nameIn(row.endpointId), updater: updater.name })),
      ),
  };
}

function segmentFacts(rows: Rows): RecordedFacts['segments'] {
  return [...grouped(rows.ofPolicy, (member) => member.segment ?? 'without a segment')].map(([segment, members]) => {
    const test = rows.tests.findLast((one) => one.segment === segment);
    return {
      segment,
      endpoints: members.map((member) => nameIn(member.endpointId)),
      because: members[0]?.because[0] ?? '',
      test: test ? sandboxFacts(rows, test) : null,
    };
  });
}

function sandboxFacts(rows: Rows, test: Rows['tests'][number]) {
  const before = test.before as unknown as Evidence | null;
  const after = test.after as unknown as Evidence | null;
  const patches = rows.members.find((member) => member.endpointId === test.representative)?.patches ?? [];
  return {
    sandboxId: test.id,
    representative: nameIn(test.representative),
    verdict: test.passed ? ('passed' as const) : ('failed' as const),
    startedAt: test.startedAt.toISOString(),
    endedAt: test.endedAt.toISOString(),
    because: test.because,
    dropped: rows.tests.filter((one) => one.segment === test.segment).flatMap((one) => one.packagesAtFault),
    patches: patches
      .filter((patch) => patch.decision === 'approved' || patch.decision === 'added')
      .map((patch) => ({
        package: patch.package,
        from: patch.fromVersion,
        to: patch.toVersion,
        proven: test.passed,
        because: test.because[0] ?? '',
      })),
    bootIdBefore: before?.bootId ?? null,
    bootIdAfter: after?.bootId ?? null,
    checks: compareChecks(before?.checks, after?.checks),
  };
}

function compareChecks(before: readonly CheckResult[] = [], after: readonly CheckResult[] = []): CheckComparison[] {
  const names = [...new Set([...before, ...after].map((result) => result.check))];
  const found = (results: readonly CheckResult[], check: string) =>
    results.find((result) => result.check === check) ?? null;
  return names.map((check) => ({ check, before: found(before, check), after: found(after, check) }));
}

/** One entry for each package and version; where endpoints differ, what was approved anywhere is shown. */
function patchSetFacts({ ofPolicy }: Rows): PatchSetEntry[] {
  const all = ofPolicy.flatMap((member) => member.patches).filter((patch) => patch.decision !== 'added');
  return [...grouped(all, (patch) => `${patch.package} ${patch.toVersion}`).values()].map((patches) => {
    const shown = patches.find((patch) => patch.decision === 'approved') ?? patches[0]!;
    const due = patches.flatMap((patch) => iso(patch.dueAt) ?? []).toSorted();
    return {
      package: shown.package,
      to: shown.toVersion,
      source: shown.source,
      class: shown.class as UpdateClass,
      severity: shown.severity as Severity,
      cves: [...new Set(patches.flatMap((patch) => patch.cves))],
      exploited: exploitedOf(patches),
      publishedAt: iso(shown.publishedAt),
      dueAt: due[0] ?? null,
      decision: decisionOf(shown.decision),
      because: shown.because,
    };
  });
}

function exploitedOf(patches: readonly { exploited: unknown }[]): KnownExploited[] {
  const all = patches.flatMap((patch) => patch.exploited as KnownExploited[]);
  return [...new Map(all.map((one) => [one.cve, one])).values()];
}

/** `offered`: the cycle ended before it was judged. `added`: it is in the record with what needs it. */
function decisionOf(decision: string): PatchDecision {
  if (decision === 'offered') return 'waiting';
  return decision === 'added' ? 'approved' : (decision as PatchDecision);
}

function changeRecordFacts({ record, cycle }: Rows): RecordedFacts['changeRecord'] {
  if (!record) return null;
  const content = record.content as unknown as ChangeRecordContent;
  const words = record.approvals.map(({ who, why, at }) => ({ who, why, at: at.toISOString(), approves: true }));
  const asked = record.personsAsked > 0;
  const enough = words.length >= record.personsAsked;
  return {
    changeRecordId: record.id,
    digest: record.digest,
    madeAt: record.writtenAt.toISOString(),
    parent: null,
    approval: {
      state: !asked ? 'not asked' : enough ? 'approved' : 'waiting',
      because: asked
        ? `policy ${cycle.policyVersion.name} asks for ${record.personsAsked}`
        : `policy ${cycle.policyVersion.name} asks for no approval`,
      words,
    },
    rings: content.rings.map(({ ring, endpoints }) => ({
      ring,
      endpoints: endpoints.map((endpoint) => nameIn(endpoint.endpointId)),
    })),
  };
}

function endpointFacts(rows: Rows, member: Rows['ofPolicy'][number]): EndpointFacts {
  const inventory = rows.inventories.find((row) => row.endpointId === member.endpointId)?.content as unknown as
    | Inventory
    | undefined;
  const seen = (kinds: readonly string[]) =>
    rows.evidence.findLast((row) => row.endpointId === member.endpointId && kinds.includes(row.kind))
      ?.content as unknown as Evidence | undefined;
  const snapshot = rows.snapshots.find((row) => row.id === member.snapshotId);
  const outcome = member.outcome as EndpointOutcome | null;
  return {
    endpoint: nameIn(member.endpointId),
    site: nameIn(member.siteId),
    segment: member.segment ?? 'without a segment',
    policy: member.policyName ?? '',
    os: inventory?.os ?? { id: 'unknown', version: 'unknown' },
    ring: member.ring,
    outcome,
    waitingFor: waitingOf(rows, member),
    because: member.reasons.length > 0 ? member.reasons : member.because,
    startedAt: iso(member.startedAt),
    endedAt: iso(member.endedAt),
    patches: member.patches.map((patch) => ({
      package: patch.package,
      from: patch.fromVersion,
      to: patch.toVersion,
      decision: decisionOf(patch.decision),
      proven: patch.proven === true,
      because: (patch.proven === null ? patch.because : member.reasons)[0] ?? '',
    })),
    bootIdBefore: member.bootIdBefore,
    bootIdAfter: member.bootIdAfter,
    snapshot: snapshot?.takenAt
      ? {
          snapshotId: snapshot.id,
          takenAt: snapshot.takenAt.toISOString(),
          verified: snapshot.verifiedAt !== null,
          restoredAt: iso(snapshot.restoredAt),
          evidenceOfFailedState: snapshot.evidenceOfFailedState,
        }
      : null,
    checks: compareChecks(seen(['before'])?.checks, seen(['after', 'restored'])?.checks),
  };
}

/** What an endpoint without an end waits for. Silent ones wait to come back, also where no ring was ever drawn. */
function waitingOf({ cycle }: Rows, member: Rows['ofPolicy'][number]): WaitingFor | null {
  if (member.outcome !== null || member.state === 'in flight') return null;
  if (member.waitingFor) return member.waitingFor as WaitingFor;
  if (!member.online) return 'offline';
  return cycle.state === 'running' || member.ring ? 'ring' : 'approval';
}

function auditFacts({ inventories, ofPolicy }: Rows): AuditFacts {
  const audits = inventories.filter((row) => row.step === 'audit');
  const compared = ofPolicy.flatMap((member) => {
    const of = (step: string) =>
      inventories.findLast((row) => row.endpointId === member.endpointId && row.step === step);
    const [before, after] = [of('discovery'), of('audit')];
    if (!before || !after) return [];
    const audit = compareInventories({
      planned: member.patches
        .filter((patch) => patch.decision === 'approved' || patch.decision === 'added')
        .map(toPatch),
      before: before.content as unknown as Inventory,
      after: after.content as unknown as Inventory,
      outcome: member.outcome as EndpointOutcome | null,
    });
    return [{ endpoint: nameIn(member.endpointId), audit }];
  });
  const listed = (state: 'installed' | 'failed' | 'pending') =>
    compared.flatMap(({ endpoint, audit }) => audit[state].map((patch) => ({ endpoint, state, ...patch })));
  return {
    auditedAt: iso(audits.at(-1)?.takenAt),
    patches: [...listed('installed'), ...listed('failed'), ...listed('pending')],
    drifted: compared.flatMap(({ endpoint, audit }) => audit.drifted.map((drift) => ({ endpoint, ...drift }))),
  };
}

async function supportEnds({ inventories }: Rows, support: SupportFeed): Promise<RecordedFacts['supportEnds']> {
  const systems = new Map(
    inventories.map((row) => {
      const { id, version } = (row.content as unknown as Inventory).os;
      return [`${id} ${version}`, { id, version }];
    }),
  );
  return Promise.all([...systems.values()].map(({ id, version }) => support.supportEnd(id, version)));
}

function exceptionFacts(policy: Policy): RecordedFacts['exceptions'] {
  const packages = (kind: 'block' | 'allow', rules: Policy['block']) =>
    rules.map((rule) => ({
      kind,
      subject: [rule.package, rule.versions].filter(Boolean).join(' '),
      because: rule.because,
      owner: rule.owner,
      until: rule.until,
    }));
  return [
    ...policy.exceptions.map((rule) => ({
      kind: 'exception' as const,
      subject: [rule.package, rule.cve, rule.endpoints?.join(', ')].filter(Boolean).join(', '),
      because: rule.because,
      owner: rule.owner,
      until: rule.until,
    })),
    ...packages('block', policy.block),
    ...packages('allow', policy.allow),
  ];
}

function notCovered({ members, cycle, policy }: Rows): string[] {
  const elsewhere = members.filter((member) => member.policyName !== cycle.policyVersion.name);
  const unassigned = elsewhere.filter((member) => member.policyName === null);
  return [
    ...(elsewhere.length > unassigned.length
      ? [`${elsewhere.length - unassigned.length} endpoints fall into other policies and have cycles of their own.`]
      : []),
    ...unassigned.map(
      (member) => `${nameIn(member.endpointId)} falls into no policy and is not patched: ${member.because.join('; ')}.`,
    ),
    'The catalogue of known exploited vulnerabilities is the one that ships with this version; see its date in data/SOURCES.md.',
    'Software that did not come through the package manager is not seen.',
    ...(policy.checks.length === 0 ? ['The policy names no checks, so only services were watched.'] : []),
    ...(cycle.advisory
      ? [`Only what carries ${cycle.advisory} was patched; other pending updates wait for the standard cycle.`]
      : []),
  ];
}
