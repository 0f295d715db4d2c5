import { heartbeat } from '@temporalio/activity';

type Activities = Record<string, (...args: never[]) => Promise<unknown>>;

/** The same activities, each telling Temporal once a second that its worker lives, so that a dead one is noticed in seconds. */
export function beating<A extends Activities>(activities: A): A {
  const entries = Object.entries(activities).map(([name, act]) => [
    name,
    async (...args: never[]) => {
      const beat = setInterval(() => heartbeat(), 1000);
      try {
        return await act(...args);
      } finally {
        clearInterval(beat);
      }
    },
  ]);
  return Object.fromEntries(entries) as A;
}
