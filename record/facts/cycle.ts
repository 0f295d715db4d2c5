/** Reads everything that was recorded of a cycle into the one record that reports, the audit and `why` print from. */
import { segmentInWords } from '../../domain/policies/segments.ts';
import type { CycleFacts, RecordedFacts } from '../../domain/reports/cycle-facts.ts';
import { countFigures } from '../../domain/reports/figures.ts';
import type { CycleKind, CycleState, CycleTrigger } from '../../domain/rollout/cycle.ts';
import type { Inventory } from '../../domain/endpoints/endpoint.ts';
import type { GateNumbers } from '../../domain/rollout/gate.ts';
import type { Network, SegmentRule } from '../../domain/policies/policy.ts';
import { reviewCycle } from '../../domain/reports/review.ts';
import { rulesMatched } from '../../domain/reports/rules-matched.ts';
import { ringRepeated } from '../../domain/rollout/successor.ts';
import type { WindowInstant } from '../../domain/rollout/window.ts';
import { type CycleRows, readRows } from './rows.ts';
import { sandboxFacts, endpointFacts, auditFacts } from './endpoints.ts';
import { readOrders } from './orders.ts';
import { patchSetFacts, changeRecordFacts, exceptionFacts } from './patches.ts';
import type { Tenants } from '../database.ts';
import { nameIn } from '../../domain/ids.ts';
import { type Step, steps } from '../../domain/rollout/steps.ts';
import type { Severity, UpdateClass } from '../../domain/patches/classification.ts';
import { grouped } from '../../domain/grouped.ts';
import { iso } from '../instants.ts';
import type { SupportEnd } from '../../domain/reports/review-facts.ts';

/** Until when a release of an operating system is supported, by whoever knows. */
export type SupportEndOf = (osId: string, version: string) => Promise<SupportEnd>;

/** The facts of a cycle as they stand now, reviewed and counted. */
export async function readCycleFacts(
  { tenants, support }: { tenants: Tenants; support: { supportEnd: SupportEndOf } },
  cycleId: string,
): Promise<CycleFacts> {
  const rows = await readRows(tenants, cycleId);
  const orders = await readOrders(tenants, cycleId, rows.cycle.clientId);
  const recorded = { ...(await recordedFacts(rows, support.supportEnd.bind(support))), orders };
  return { ...recorded, review: reviewCycle(recorded), figures: countFigures(recorded) };
}

async function recordedFacts(rows: CycleRows, supportEnd: SupportEndOf): Promise<Omit<RecordedFacts, 'orders'>> {
  const { cycle, policy, client } = rows;
  return {
    client: { clientId: client.id, name: client.name },
    cycleId: cycle.id,
    kind: cycle.kind as CycleKind,
    reportOnly: policy.mode === 'report only',
    trigger: triggerFacts(rows),
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
    supportEnds: await supportEnds(rows, supportEnd),
    exceptions: exceptionFacts(policy),
    rules: rulesMatched({
      policy,
      segments: client.segments as unknown as SegmentRule[],
      endpoints: rows.members.map((member) => ({
        endpoint: nameIn(member.endpointId),
        segment: member.segment,
        ring: member.ring && ringRepeated(member.ring),
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

function triggerFacts({ cycle }: CycleRows): RecordedFacts['trigger'] {
  return {
    kind: cycle.trigger as CycleTrigger,
    by: cycle.startedBy,
    because: cycle.advisory ? `emergency for ${cycle.advisory}` : `cycle of ${cycle.civilDate}`,
    advisory: cycle.advisory,
  };
}

function stepFacts({ stepRows }: CycleRows, step: Step): RecordedFacts['steps'][number] {
  const row = stepRows.find((one) => one.step === step);
  if (!row)
    return { step, state: 'not reached', startedAt: null, endedAt: null, because: 'the cycle did not come to it' };
  return {
    step,
    state: row.state as 'running' | 'done' | 'failed' | 'left out',
    startedAt: iso(row.startedAt),
    endedAt: iso(row.endedAt),
    because: row.because.join('; '),
  };
}

function discoveryFacts({ ofPolicy: members, inventories, sightings }: CycleRows): RecordedFacts['discovery'] {
  const discovered = new Map(inventories.filter((row) => row.step === 'discovery').map((row) => [row.endpointId, row]));
  const place = (member: CycleRows['ofPolicy'][number]) => ({
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

function segmentFacts(rows: CycleRows): RecordedFacts['segments'] {
  return [...grouped(rows.ofPolicy, (member) => segmentInWords(member.segment))].map(([segment, members]) => {
    const test = rows.tests.findLast((one) => one.segment === segment);
    return {
      segment,
      endpoints: members.map((member) => nameIn(member.endpointId)),
      because: members[0]?.because[0] ?? '',
      test: test ? sandboxFacts(rows, test) : null,
    };
  });
}

async function supportEnds(
  { inventories }: CycleRows,
  supportEnd: SupportEndOf,
): Promise<RecordedFacts['supportEnds']> {
  const systems = new Map(
    inventories.map((row) => {
      const { id, version } = (row.content as unknown as Inventory).os;
      return [`${id} ${version}`, { id, version }];
    }),
  );
  return Promise.all([...systems.values()].map(({ id, version }) => supportEnd(id, version)));
}

function notCovered({ members, cycle, policy }: CycleRows): string[] {
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
