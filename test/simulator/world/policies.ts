/** The policies and sites a client wrote: drawn, and all of them such as the product's own file reader would accept. */
import type { Policy, RingRule, Site, Weekday, WindowRule } from '../../../domain/policies/policy.ts';
import type { Chance } from './chance.ts';
import type { Amount } from '../../../domain/policies/amount.ts';

const zones = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
  'UTC',
  'America/Santiago',
] as const;
const weekdays: readonly [Weekday, ...Weekday[]] = [
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
  'Sunday',
];

export function drawSites(chance: Chance): Site[] {
  return ['berlin', 'oslo'].slice(0, chance.happens(0.7) ? 1 : 2).map((name) => ({
    id: name,
    name,
    timeZone: chance.oneOf(zones),
    networks: [],
    budget: chance.happens(0.6) ? null : drawAmount(chance),
    blackouts: [],
  }));
}

/** @param startAt when the first cycle will start: windows lie near it, or nothing would ever happen */
export function drawPolicy(
  chance: Chance,
  name: string,
  role: string,
  startAt: number,
  services: readonly string[],
): Policy {
  const windows = chance.happens(0.5) ? 'always' : [drawWindow(chance, startAt), drawWindow(chance, startAt)];
  const required = !chance.happens(0.08);
  return {
    name,
    extends: null,
    applies: { role: [role] },
    mode: chance.happens(0.02) ? 'report only' : 'patch',
    approve: [
      { class: 'security', severity: null, delayMinutes: 0 },
      ...(chance.happens(0.8) ? [{ class: 'bugfix' as const, severity: null, delayMinutes: 0 }] : []),
    ],
    allow: [],
    block: [],
    exceptions: [],
    rings: drawRings(chance),
    gate: {
      soakMinutes: chance.oneOf([1, 5, 10, 20]),
      atLeastVerified: chance.oneOf([1, 1, 2, 3]),
      failuresAtMost: chance.oneOf([0, 0, 0, 1, 2]),
      failurePercentAtMost: chance.oneOf([null, null, 20, 34]),
    },
    budget: drawAmount(chance),
    windows,
    blackouts: [],
    sandbox: { required: chance.happens(0.15) },
    snapshot: { required, keepDays: chance.oneOf([0.05, 1, 7]) },
    afterHalt: chance.oneOf(['stop', 'ask', 'go on']),
    rollback: chance.happens(0.2) ? 'packages' : 'machine',
    reboot: chance.oneOf(['if required', 'if required', 'if required', 'always', 'never']),
    checks: services.map((service) => ({ service })),
    changeApproval: chance.happens(0.12) ? { persons: chance.oneOf([1, 2]), withinMinutes: 30 } : null,
    deadlineDays: chance.oneOf([0.03, 0.06, 0.1]),
    emergency: chance.happens(0.6)
      ? {
          soakMinutes: 1,
          windows: chance.happens(0.7) ? 'always' : [drawWindow(chance, startAt)],
          changeApproval: null,
        }
      : null,
  };
}

function drawAmount(chance: Chance): Amount {
  return chance.happens(0.5) ? { count: chance.between(1, 4) } : { percent: chance.oneOf([10, 25, 34, 50, 100]) };
}

function drawRings(chance: Chance): RingRule[] {
  const ring = (name: string, take: RingRule['take']): RingRule => ({ name, take, segments: null, endpoints: [] });
  const canary = ring('canary', chance.happens(0.7) ? { count: chance.between(1, 2) } : { percent: 10 });
  const early = ring('early', { percent: chance.between(10, 50) });
  const rest = ring('rest', 'rest');
  return chance.oneOf([[rest], [canary, rest], [canary, rest], [canary, early, rest]]);
}

/** Opens within some hours around the start, on the wall of no zone in particular: sometimes soon, sometimes days away. */
function drawWindow(chance: Chance, startAt: number): WindowRule {
  const opens = new Date(startAt + chance.between(-180, 240) * 60_000);
  const at = `${String(opens.getUTCHours()).padStart(2, '0')}:${String(opens.getUTCMinutes()).padStart(2, '0')}`;
  const lastsMinutes = chance.oneOf([20, 60, 120, 240, 360]);
  const today = weekdays[(opens.getUTCDay() + 6) % 7] ?? 'Monday';
  const words = `${today} ${at} for ${lastsMinutes} minutes`;
  const kind = chance.next();
  if (kind < 0.6) return { words, opens: { every: 'week', weekdays: [...weekdays], at }, lastsMinutes };
  if (kind < 0.8) return { words, opens: { every: 'week', weekdays: [today], at }, lastsMinutes };
  if (kind < 0.9) return { words, opens: { every: 'once', date: opens.toISOString().slice(0, 10), at }, lastsMinutes };
  const daysAfter = chance.between(0, 2);
  const counted = new Date(opens.getTime() - daysAfter * 86_400_000);
  const weekday = weekdays[(counted.getUTCDay() + 6) % 7] ?? 'Monday';
  const nth = Math.ceil(counted.getUTCDate() / 7);
  return {
    words,
    opens: { every: 'month', nth: nth > 4 ? 'last' : (nth as 1 | 2 | 3 | 4), weekday, daysAfter, at },
    lastsMinutes,
  };
}
