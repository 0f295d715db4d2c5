import { readFileSync } from 'node:fs';
import type { LogPosition } from './readiness.ts';

/** A server ended at its start, since another program has a port that it was to listen on. */
export class PortTaken extends Error {
  override readonly name = 'PortTaken';

  constructor(server: string) {
    super(`${server} ended at its start: another program listens on its port.`);
  }
}

const startsAtMost = 4;

/**
 * Starts a server, and three times more while it says that a port is taken. Each start chooses its ports again, so that
 * a configured one that is taken ends it in the sentence of `choosePort`.
 */
export async function onFreePorts<Running>(server: string, start: () => Promise<Running>): Promise<Running> {
  for (let starts = 1; ; starts += 1) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof PortTaken)) throw error;
      if (starts < startsAtMost) continue;
      throw new Error(
        `${server} was started ${starts} times, and each time another program took one of its ports at that moment. ` +
          'Find out what does ("ss -ltnp" names who listens), and start it again.',
        { cause: error },
      );
    }
  }
}

/** Whether what a server wrote since this start says that a port is taken. */
export function saysPortTaken({ file, offset }: LogPosition): boolean {
  return /address already in use/i.test(readFileSync(file).toString('utf8', offset));
}
