import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits until a condition holds, looking every `pauseMilliseconds`. Throws a sentence that names the condition when the limit passes.
 */
export async function until(
  condition: string,
  holds: () => boolean | Promise<boolean>,
  limitMilliseconds: number,
  pauseMilliseconds = 20,
): Promise<void> {
  const deadline = performance.now() + limitMilliseconds;
  while (!(await holds())) {
    if (performance.now() > deadline)
      throw new Error(`Waited ${limitMilliseconds / 1000} s in vain until ${condition}.`);
    await pause(pauseMilliseconds);
  }
}
