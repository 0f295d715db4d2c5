/** How a client's endpoints are, and what a person orders of one, whichever cycle works on it. */
import { type PersonNeeded, personNeededFor } from '../domain/endpoints/person-needed.ts';
import { nameIn } from '../domain/ids.ts';
import type { SignOff } from '../domain/rollout/cycle.ts';
import type { Database } from '../record/database.ts';
import { releaseEndpoint } from '../record/endpoints/quarantine.ts';
import { statesOf } from '../record/endpoints/states.ts';
import { InvalidRequest } from './errors.ts';
import type { Connections } from './connect.ts';

export type EndpointOnRecord = {
  readonly name: string;
  readonly site: string;
  readonly role: string | null;
  readonly criticality: string;
  readonly enrolledAt: string | null;
  readonly lastSeenAt: string | null;
  readonly generation: number;
  /** Of the newest cycle that has worked on it; null where none has, and so are the next two. */
  readonly cycleId: string | null;
  readonly outcome: string | null;
  readonly waitingFor: string | null;
  readonly personNeeded: PersonNeeded | null;
};

/** The endpoints that a client's files state, and how each stands in its newest cycle. */
export async function endpointsOf(
  { tenants }: Pick<Connections, 'tenants'>,
  clientId: string,
): Promise<readonly EndpointOnRecord[]> {
  const db = tenants.forClient(clientId);
  const where = await inCyclesOfItsPolicy(db);
  const rows = await db.endpoint.findMany({
    where: { retiredAt: null },
    orderBy: { id: 'asc' },
    include: { inCycles: { where, orderBy: { cycle: { startedAt: 'desc' } }, take: 1 } },
  });
  const persons = await endpointsInNeedOfPersons(db);
  return rows.map((row) => {
    const [last] = row.inCycles;
    return {
      name: row.name,
      site: nameIn(row.siteId),
      role: row.role,
      criticality: row.criticality,
      enrolledAt: row.enrolledAt?.toISOString() ?? null,
      lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
      generation: row.generation,
      cycleId: last?.cycleId ?? null,
      outcome: last?.outcome ?? null,
      waitingFor: last?.waitingFor ?? null,
      personNeeded: persons.get(row.id) ?? null,
    };
  });
}

/**
 * The newest cycle that has worked on an endpoint, or the one that was named.
 * @throws InvalidRequest when none has
 */
export async function newestCycleOf(
  { tenants }: Pick<Connections, 'tenants'>,
  asked: { readonly clientId: string; readonly name: string; readonly cycleId: string | undefined },
): Promise<{ readonly cycleId: string; readonly endpointId: string }> {
  const { clientId, name, cycleId } = asked;
  const db = tenants.forClient(clientId);
  const row = await db.cycleEndpoint.findFirst({
    where: { endpoint: { name }, ...(cycleId ? { cycleId } : await inCyclesOfItsPolicy(db)) },
    orderBy: { cycle: { startedAt: 'desc' } },
  });
  if (!row) throw new InvalidRequest(`No cycle has had an endpoint ${name}. See: patchcycle endpoint list`);
  return { cycleId: row.cycleId, endpointId: row.endpointId };
}

/**
 * Releases an endpoint from quarantine, and tells the cycles that run: one of them may wait for the budget it used.
 * @throws InvalidRequest when the client has no such endpoint
 */
export async function releaseFromQuarantine(
  { tenants, temporal }: Connections,
  { clientId, name }: { readonly clientId: string; readonly name: string },
  signOff: SignOff,
): Promise<string> {
  const db = tenants.forClient(clientId);
  const endpoint = await db.endpoint.findFirst({ where: { name } });
  if (!endpoint) throw new InvalidRequest(`Client ${clientId} has no endpoint ${name}. See: patchcycle endpoint list`);
  const order = { clientId, endpointId: endpoint.id, signOff, at: new Date().toISOString() };
  const { because } = await releaseEndpoint(tenants, order);
  const running = await db.cycle.findMany({ where: { state: 'running' }, select: { id: true } });
  if (running.length > 0) {
    const { signalLookAgain } = await import('./messages.ts');
    for (const { id } of running) await signalLookAgain(await temporal(), id);
  }
  return (
    `${because}. It uses its site's budget no more. Nothing was observed: ` +
    'a later cycle proves it, and its snapshot is kept until one has.'
  );
}

/**
 * Which of an endpoint's rows count: those of cycles of the policy it falls into. A cycle looks at every endpoint of
 * the client, and works on those of its policy.
 */
async function inCyclesOfItsPolicy(db: Database) {
  const policies = await db.policyVersion.findMany({ distinct: ['name'], select: { name: true } });
  return { OR: policies.map(({ name }) => ({ policyName: name, cycle: { policyVersion: { name } } })) };
}

/** Endpoints that only a person can help, by their ids. */
async function endpointsInNeedOfPersons(db: Database): Promise<ReadonlyMap<string, PersonNeeded>> {
  const inDoubt = await db.cycleEndpoint.findMany({
    where: { OR: [{ outcome: 'quarantined' }, { state: 'unknown' }] },
    distinct: ['endpointId'],
    select: { endpointId: true },
  });
  const states = await statesOf(
    db,
    inDoubt.map((row) => row.endpointId),
  );
  return new Map(
    inDoubt.flatMap(({ endpointId }) => {
      const needed = personNeededFor(states.get(endpointId) ?? []);
      return needed ? [[endpointId, needed]] : [];
    }),
  );
}
