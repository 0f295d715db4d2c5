import { createHash } from 'node:crypto';

/** An operation's id, from what the test calls it. */
export function operationIdOf(words: string): string {
  return createHash('sha256').update(words).digest('hex');
}
