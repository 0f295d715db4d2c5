import { userInfo } from 'node:os';
import { CommanderError } from 'commander';
import { InvalidRequest, NotRunning } from '../operator/errors.ts';

/** What a command's end means to a script. */
export const exitCodes = {
  'done as asked': 0,
  'it could not be done; the sentence on standard error says why': 1,
  'the command or the files are wrong; nothing was changed': 2,
  'nothing runs here: start it with patchcycle up': 3,
  'it ran, and not every endpoint ended as it should': 4,
  'it was interrupted': 130,
} as const;

/** Ends the command with a sentence and one of the exit codes. */
export class Exit extends Error {
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

export function badInput(message: string): Exit {
  return new Exit(message, 2);
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof Exit) return error.code;
  if (error instanceof InvalidRequest) return 2;
  if (error instanceof NotRunning) return 3;
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  return 1;
}

/** The sentence a person reads; nothing where the command has said it already. */
export function sentenceOf(error: unknown): string {
  if (error instanceof CommanderError) return '';
  if (!(error instanceof Error)) return String(error);
  // What Temporal refused carries the reason innermost.
  let innermost: Error = error;
  while (innermost.cause instanceof Error) innermost = innermost.cause;
  return closedToUs(innermost) ?? (innermost.message || error.message);
}

/** What the system says of a file that another user made names neither the user nor a way out. */
function closedToUs(error: Error): string | null {
  if (!('code' in error && 'path' in error) || (error.code !== 'EACCES' && error.code !== 'EPERM')) return null;
  return (
    `${String(error.path)} is closed to ${userInfo().username} (${error.code}): another user made it. ` +
    'Run the command as that user, or keep the state elsewhere with --state DIR.'
  );
}
