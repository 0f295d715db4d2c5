/** How a window stands at an instant, and what an endpoint waits for, for people who ask now. */
import type { Expectation } from './expected-duration.ts';
import type { BlackoutInstant, WindowInstant } from './window.ts';
import { describeWindow, nextOpening, openWindow } from './window.ts';
import { sayMinutes } from '../words.ts';

export type WindowState = {
  readonly state: 'open' | 'shut' | 'blackout' | 'never';
  /** When the window that is open has opened, else when the next one opens; null when none is known. */
  readonly opensAt: string | null;
  /** When that window closes; null when none is known, or nothing shuts it. */
  readonly closesAt: string | null;
  readonly because: readonly string[];
};

export type WindowQuestion = {
  readonly now: string;
  /** With the blackouts cut out of them. */
  readonly windows: readonly WindowInstant[];
  /** As the policy says them, without its blackouts. */
  readonly asStated: readonly WindowInstant[];
  readonly blackouts: readonly BlackoutInstant[];
  /** How far windows were looked for. */
  readonly horizonAt: string;
};

/** Whether a window is open, until when, and when the next one opens; and which windows a blackout takes away until then. */
export function windowState(question: WindowQuestion): WindowState {
  const { now, windows, blackouts } = question;
  const open = openWindow(windows, now);
  if (open) return openState(question, open);
  const dark = blackouts.find(({ beginsAt, endsAt }) => isWithin(now, beginsAt, endsAt));
  const next = nextOpening(windows, now);
  const opens = next
    ? `opens in ${until(now, next.opensAt)}: ${next.words}`
    : `no window opens within ${horizon(question)}`;
  return {
    state: dark ? 'blackout' : next ? 'shut' : 'never',
    opensAt: next?.opensAt ?? null,
    closesAt: next?.closesAt ?? null,
    because: [
      ...(dark ? [`blackout ${dark.words}, for another ${until(now, dark.endsAt)}: ${dark.because}`] : []),
      opens,
      ...takenAway(question, next?.opensAt ?? question.horizonAt, dark),
    ],
  };
}

function openState({ now, horizonAt }: WindowQuestion, open: WindowInstant): WindowState {
  const { opensAt } = open;
  if (Date.parse(open.closesAt) >= Date.parse(horizonAt))
    return { state: 'open', opensAt, closesAt: null, because: ['open at any time'] };
  return {
    state: 'open',
    opensAt,
    closesAt: open.closesAt,
    because: [`open for another ${until(now, open.closesAt)}: ${open.words}`],
  };
}

const namedAtMost = 3;

/** Windows that would open before then, and fall into a blackout; not into the one that was named before. */
function takenAway(
  { now, asStated, blackouts }: WindowQuestion,
  before: string,
  named: BlackoutInstant | undefined,
): string[] {
  const lost = asStated.flatMap((window) => {
    if (Date.parse(window.opensAt) >= Date.parse(before) || Date.parse(window.closesAt) <= Date.parse(now)) return [];
    const dark = blackouts.find((each) => each.beginsAt < window.closesAt && window.opensAt < each.endsAt);
    return dark && dark !== named ? [`the window ${window.words} falls into a blackout: ${dark.because}`] : [];
  });
  if (lost.length <= namedAtMost) return lost;
  return [...lost.slice(0, namedAtMost), `and ${lost.length - namedAtMost} more fall into blackouts`];
}

export type WaitQuestion = {
  readonly now: string;
  readonly windows: readonly WindowInstant[];
  readonly expectation: Expectation;
  readonly halted: readonly string[] | null;
  readonly deadlineAt: string | null;
  readonly escalatedAt: string | null;
  /** An instant as the site's wall clock shows it. */
  readonly onWall: (at: string) => string;
};

/** What an endpoint that has not ended waits for as of now, when its window opens next, and how long it may wait. */
export function waitInWords(wait: WaitQuestion): string[] {
  const { now, windows, expectation, halted, deadlineAt, escalatedAt, onWall } = wait;
  const deadline = () => {
    if (escalatedAt !== null) return [`not done by its deadline; a person was told on ${onWall(escalatedAt)}`];
    if (deadlineAt === null) return [];
    const remaining = Date.parse(deadlineAt) > Date.parse(now) ? `in ${until(now, deadlineAt)}` : 'which has passed';
    return [`its deadline is ${onWall(deadlineAt)}, ${remaining}; then a person is told`];
  };
  return [
    ...(halted ?? []),
    describeWindow(windows, now, expectation.minutes),
    `expected to take ${expectation.because}`,
    ...deadline(),
  ];
}

function isWithin(at: string, from: string, until: string): boolean {
  return Date.parse(from) <= Date.parse(at) && Date.parse(at) < Date.parse(until);
}

function until(now: string, at: string): string {
  return sayMinutes(Math.ceil((Date.parse(at) - Date.parse(now)) / 60_000));
}

function horizon({ now, horizonAt }: WindowQuestion): string {
  return until(now, horizonAt);
}
