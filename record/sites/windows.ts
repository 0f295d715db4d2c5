/** The windows of a site: as a policy says them, and as a cycle has them. */
import type { Blackout, Policy } from '../../domain/policies/policy.ts';
import type { WindowInstant } from '../../domain/rollout/window.ts';
import { windowInstants } from './calendar.ts';
import type { Transaction } from '../database.ts';

type Site = { readonly timeZone: string; readonly blackouts: unknown };

/** Every blackout that holds at a site: the policy's, its client's and its own. */
export function blackoutsAt(policy: Policy, site: Pick<Site, 'blackouts'>): readonly Blackout[] {
  return [...policy.blackouts, ...(site.blackouts as readonly Blackout[])];
}

/** A policy's windows at a site as instants, blackouts cut out. Asked once for a cycle: what it then has, it keeps. */
export function policyWindows(
  policy: Policy,
  site: Site,
  span: { readonly fromAt: string; readonly untilAt: string },
): readonly WindowInstant[] {
  const { timeZone } = site;
  return windowInstants({ windows: policy.windows, blackouts: blackoutsAt(policy, site), timeZone, ...span });
}

/** Schedules match wall clocks literally: of an hour that comes twice they wake an hour after the window has opened. */
const wakesLateMilliseconds = 2 * 60 * 60 * 1000 + 5 * 60 * 1000;

/** Whether a policy's window has opened at a site so lately that its cycle may be due. */
export function hasOpened(policy: Policy, site: Site, now: string): boolean {
  const since = Date.parse(now) - wakesLateMilliseconds;
  const untilAt = new Date(Date.parse(now) + 1).toISOString();
  const windows = policyWindows(policy, site, { fromAt: new Date(since).toISOString(), untilAt });
  return windows.some((window) => Date.parse(window.opensAt) >= since);
}

/** The policy's windows of the cycle for a site, and those that people opened besides. */
export async function windowsOf(db: Transaction, cycleId: string, siteId: string): Promise<readonly WindowInstant[]> {
  const cycle = await db.cycle.findUniqueOrThrow({ where: { id: cycleId } });
  const opened = await db.openedWindow.findMany({ where: { cycleId, OR: [{ siteId: null }, { siteId }] } });
  const ofPolicy = (cycle.windows as unknown as Record<string, WindowInstant[]>)[siteId] ?? [];
  return [
    ...ofPolicy,
    ...opened.map((window) => ({
      opensAt: window.opensAt.toISOString(),
      closesAt: window.closesAt.toISOString(),
      words: `opened by ${window.openedBy} (${window.reason}), until ${window.closesAt.toISOString()}`,
    })),
  ];
}
