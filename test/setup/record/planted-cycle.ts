/** A cycle in the middle of its rollout, as the rows that its workflow would have written. */
import type { Tenants } from '../../../record/database.ts';
import { idIn } from '../../../domain/ids.ts';

export type PlantedMember = {
  readonly endpoint: string;
  /** `canary` where nothing is said. */
  readonly ring?: string;
  /** `planned` where nothing is said, `ended` with an outcome. */
  readonly state?: string;
  readonly outcome?: string;
  readonly reasons?: readonly string[];
  /** What its record gives it: `cron=2`. */
  readonly patches?: readonly string[];
};

export type Planted = {
  readonly number?: number;
  /** Where a workflow has been started for it already. */
  readonly cycleId?: string;
  /** `running` where nothing is said. */
  readonly state?: string;
  readonly members: readonly PlantedMember[];
};

/** Plants a cycle of the policy `servers` of the example client; its id. */
export async function plantCycle(
  tenants: Tenants,
  clientId: string,
  { number = 1, cycleId = plantedId(clientId, number), state: cycleState = 'running', members }: Planted,
): Promise<string> {
  const db = tenants.forClient(clientId);
  const version = await db.policyVersion.findFirstOrThrow({ where: { name: 'servers' } });
  const now = Date.now();
  await db.cycle.create({
    data: {
      id: cycleId,
      clientId,
      policyVersionId: version.id,
      kind: 'standard',
      trigger: 'on demand',
      startedBy: 'dana',
      civilDate: '2026-11-22',
      number,
      startedAt: new Date(now - 60_000 + number * 1000),
      state: cycleState,
      windows: Object.fromEntries(
        ['berlin', 'chicago'].map((site) => [idIn(clientId, site), [openFor(now, 8 * 60 * 60 * 1000)]]),
      ),
      policy: version.content ?? {},
    },
  });
  for (const [ringOrder, member] of members.entries()) {
    const { endpoint, ring = 'canary', outcome = null, reasons = [], patches = [] } = member;
    const { state = outcome === null ? 'planned' : 'ended' } = member;
    const key = { cycleId, clientId, endpointId: idIn(clientId, endpoint) };
    await db.cycleEndpoint.create({
      data: {
        ...key,
        siteId: idIn(clientId, endpoint.split('-')[0] ?? ''),
        policyName: 'servers',
        online: true,
        surveyedAt: new Date(now),
        ring,
        ringOrder,
        state,
        outcome,
        endedAt: outcome === null ? null : new Date(now - 30_000 + number * 1000),
        reasons: [...reasons],
      },
    });
    await db.cyclePatch.createMany({ data: patches.map((patch) => ({ ...key, ...patchRow(patch) })) });
  }
  return cycleId;
}

function plantedId(clientId: string, number: number): string {
  return `cycle/${clientId}/servers/2026-11-22${number === 1 ? '' : `/${number}`}`;
}

/** Puts the change record of a planted cycle on record: its rings, and nothing else of it. */
export async function plantRecord(
  tenants: Tenants,
  clientId: string,
  cycleId: string,
  rings: readonly string[] = ['canary'],
): Promise<void> {
  await tenants.forClient(clientId).changeRecord.create({
    data: {
      id: `${cycleId}/record-1`,
      cycleId,
      clientId,
      digest: 'd',
      content: { rings: rings.map((ring) => ({ ring, because: [], endpoints: [] })) },
      writtenAt: new Date(),
      personsAsked: 0,
    },
  });
}

function openFor(now: number, milliseconds: number) {
  const at = (instant: number) => new Date(instant).toISOString();
  return { opensAt: at(now - 1000), closesAt: at(now + milliseconds), words: 'now' };
}

function patchRow(patch: string) {
  const [name = '', toVersion = ''] = patch.split('=');
  return {
    package: name,
    architecture: 'amd64',
    fromVersion: '1',
    toVersion,
    source: name,
    sourceVersion: toVersion,
    origins: ['Debian-Security:12/oldstable-security'],
    sizeBytes: 0,
    class: 'security',
    severity: 'critical',
    cves: [],
    exploited: [],
    decision: 'approved',
    because: [],
  };
}
