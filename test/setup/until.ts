import { setTimeout as delay } from 'node:timers/promises';

const pauseMilliseconds = { atLeast: 20, atMost: 250 };

/**
 * Looks until there is something to see: the first answer that is not null, undefined or false.
 * @param what is said when the time is over: `the endpoint reboots`
 */
export async function until<Seen>(
  what: string,
  look: () => Seen | Promise<Seen>,
  withinSeconds = 150,
): Promise<Exclude<Seen, null | undefined | false>> {
  const deadline = Date.now() + withinSeconds * 1000;
  for (;;) {
    const lookedAt = Date.now();
    const seen = await look();
    if (seen !== null && seen !== undefined && seen !== false) return seen as Exclude<Seen, null | undefined | false>;
    if (Date.now() > deadline) throw new Error(`Waited ${withinSeconds} s in vain until ${what}.`);
    // What takes long to look at is looked at less often: the machine is for what is waited for.
    const pause = Math.max(pauseMilliseconds.atLeast, 4 * (Date.now() - lookedAt));
    await delay(Math.min(pause, pauseMilliseconds.atMost));
  }
}
