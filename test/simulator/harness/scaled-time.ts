/**
 * Runs inside the workflows on a real server: time goes faster for them than for the server. Their clock is set to the
 * virtual one, their timers and the pauses of their activities are made shorter by as much. What they are told is a
 * function of the server's time alone, so a replay is told the same.
 */
import { msToNumber } from '@temporalio/common/lib/time.js';
import type { ActivityOptions, LocalActivityOptions, WorkflowInterceptors } from '@temporalio/workflow';

/** Put in its place when the workflows are bundled. */
const time = { speed: 1, realStartMs: 0, virtualStartMs: 0 };

/** No limit is made shorter than this: the server and its workers do not become faster. */
const shortestLimitMs = 2000;

type Limits = Pick<
  ActivityOptions,
  'heartbeatTimeout' | 'scheduleToCloseTimeout' | 'scheduleToStartTimeout' | 'startToCloseTimeout'
>;

export function interceptors(): WorkflowInterceptors {
  return {
    internals: [
      {
        activate(input, next) {
          const { __TEMPORAL_ACTIVATOR__: activator } = globalThis as unknown as {
            __TEMPORAL_ACTIVATOR__: { now: number };
          };
          activator.now = Math.round(time.virtualStartMs + (activator.now - time.realStartMs) * time.speed);
          next(input);
        },
      },
    ],
    outbound: [
      {
        startTimer: (input, next) => next({ ...input, durationMs: shorter(input.durationMs, 1) }),
        scheduleActivity: (input, next) => next({ ...input, options: { ...input.options, ...faster(input.options) } }),
        scheduleLocalActivity: (input, next) =>
          next({ ...input, options: { ...input.options, ...faster(input.options) } }),
      },
    ],
  };
}

function faster(options: ActivityOptions | LocalActivityOptions): Limits & Pick<ActivityOptions, 'retry'> {
  const limits = [
    'heartbeatTimeout',
    'scheduleToCloseTimeout',
    'scheduleToStartTimeout',
    'startToCloseTimeout',
  ] as const;
  const given = options as Limits;
  const { retry } = options;
  return {
    ...Object.fromEntries(
      limits.flatMap((name) => {
        const limit = given[name];
        return limit === undefined
          ? []
          : [[name, shorter(msToNumber(limit), Math.min(msToNumber(limit), shortestLimitMs))]];
      }),
    ),
    retry: {
      ...retry,
      initialInterval: shorter(msToNumber(retry?.initialInterval ?? 1000), 1),
      maximumInterval: shorter(
        msToNumber(retry?.maximumInterval ?? msToNumber(retry?.initialInterval ?? 1000) * 100),
        1,
      ),
    },
  };
}

function shorter(ms: number, least: number): number {
  return Math.max(least, Math.round(ms / time.speed));
}
