/** When windows open, and what endpoints wait for: for those who ask now. */
import { blackoutInstants, wallClock, windowInstants } from '../record/sites/calendar.ts';
import { blackoutsAt, policyWindows, windowsOf } from '../record/sites/windows.ts';
import type { Tenants } from '../record/database.ts';
import { type Expectation, unplannedExpectation } from '../domain/rollout/expected-duration.ts';
import { type Policy, emergencyPolicy } from '../domain/policies/policy.ts';
import { type WindowState, waitInWords, windowState } from '../domain/rollout/waiting.ts';
import { InvalidRequest } from './errors.ts';
import type { WaitingFor } from '../domain/endpoints/saga.ts';
import { nameIn } from '../domain/ids.ts';
import { haltedAmong } from '../record/orders/halts.ts';
import { dayMilliseconds } from '../record/instants.ts';

/** More than a year, so that a yearly blackout or a rare recurrence hides no window. */
const horizonDays = 400;

export type SiteWindow = WindowState & {
  readonly site: string;
  readonly timeZone: string;
  /** On the site's wall clock. */
  readonly opens: string | null;
  readonly closes: string | null;
};

export type PolicyWindows = {
  readonly policy: string;
  readonly version: number;
  readonly sites: readonly SiteWindow[];
};

/**
 * How a policy's windows stand at each site of a client, or at one, at an instant.
 * @throws InvalidRequest when no such policy is in force, or there is no such site
 */
export async function windowsAt(
  { tenants }: { readonly tenants: Tenants },
  asked: {
    readonly clientId: string;
    readonly policyName: string;
    readonly site: string | null;
    readonly at: string;
    readonly emergency: boolean;
  },
): Promise<PolicyWindows> {
  const { clientId, policyName, at } = asked;
  const db = tenants.forClient(clientId);
  const version = await db.policyVersion.findFirst({ where: { name: policyName }, orderBy: { version: 'desc' } });
  if (!version) throw new InvalidRequest(`No policy ${policyName} is in force for ${clientId}.`);
  const sites = await db.site.findMany({ where: { retiredAt: null }, orderBy: { name: 'asc' } });
  const named = sites.filter((site) => asked.site === null || site.name === asked.site);
  if (named.length === 0)
    throw new InvalidRequest(
      `Client ${clientId} has no site ${asked.site}; there is ${sites.map(({ name }) => name).join(', ')}.`,
    );
  const stated = version.content as unknown as Policy;
  const policy = asked.emergency ? emergencyPolicy(stated) : stated;
  const horizonAt = new Date(Date.parse(at) + horizonDays * dayMilliseconds).toISOString();
  return {
    policy: policyName,
    version: version.version,
    sites: named.map((site) => {
      const { name, timeZone } = site;
      const span = { fromAt: at, untilAt: horizonAt };
      const blackouts = blackoutsAt(policy, site);
      const state = windowState({
        now: at,
        windows: policyWindows(policy, site, span),
        asStated: windowInstants({ windows: policy.windows, blackouts: [], timeZone, ...span }),
        blackouts: blackoutInstants({ blackouts, timeZone, fromAt: at }),
        horizonAt,
      });
      const onWall = (instant: string | null) => instant && wallClock(instant, timeZone);
      const { opensAt, closesAt } = state;
      return { site: name, timeZone, ...state, opens: onWall(opensAt), closes: onWall(closesAt) };
    }),
  };
}

export type EndpointWait = {
  readonly endpoint: string;
  readonly waitingFor: WaitingFor;
  readonly because: readonly string[];
};

/** What an endpoint of a cycle waits for as of now; null when it has ended, or is worked on. */
export async function waitOf(
  { tenants }: { readonly tenants: Tenants },
  {
    clientId,
    cycleId,
    endpointId,
  }: { readonly clientId: string; readonly cycleId: string; readonly endpointId: string },
): Promise<EndpointWait | null> {
  const db = tenants.forClient(clientId);
  const row = await db.cycleEndpoint.findUniqueOrThrow({ where: { cycleId_endpointId: { cycleId, endpointId } } });
  if (row.outcome !== null || row.ring === null || !['planned', 'waiting'].includes(row.state)) return null;
  const site = await db.site.findUniqueOrThrow({ where: { id: row.siteId } });
  const waitingFor = (row.waitingFor ?? 'ring') as WaitingFor;
  const because = waitInWords({
    now: new Date().toISOString(),
    windows: await windowsOf(db, cycleId, row.siteId),
    expectation: (row.expectation as Expectation | null) ?? unplannedExpectation,
    halted: (await haltedAmong(db, cycleId, [row])).get(endpointId) ?? null,
    deadlineAt: row.deadlineAt?.toISOString() ?? null,
    escalatedAt: row.escalatedAt?.toISOString() ?? null,
    onWall: (at) => wallClock(at, site.timeZone),
  });
  return { endpoint: nameIn(endpointId), waitingFor, because };
}
