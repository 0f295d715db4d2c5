/** The one table from what ports and the record throw to what Temporal is told: retried or not, and the sentence an operator reads. */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { AgentRefused, AgentUnreachable, AgentUnreadable } from './ports/agent.ts';
import { RequestRefused } from './ports/authority.ts';
import { FeedUnreadable } from './ports/feeds.ts';
import { ScanRefused } from './ports/network.ts';
import { SandboxFailed } from './ports/sandboxes.ts';
import { SnapshotFailed } from './ports/snapshots.ts';
import { RecordRefusal } from '../record/errors.ts';

/** A refusal that passes by itself: another operation has to end first, or a mirror to come back. */
const passing = new Set(['busy', 'package manager']);

/** What will not get better by trying again: foreign data that cannot be read, refusals of principle, our own mistakes. */
const permanent = [AgentUnreadable, ScanRefused, RequestRefused, FeedUnreadable, TypeError, RangeError, SyntaxError];

function toApplicationFailure(error: unknown): unknown {
  if (error instanceof AgentRefused)
    return ApplicationFailure.create({
      message: error.message,
      type: `AgentRefused: ${error.code}`,
      nonRetryable: !passing.has(error.code),
    });
  if (error instanceof RecordRefusal) return ApplicationFailure.nonRetryable(error.message, error.code);
  if (error instanceof AgentUnreachable) return retryable(error);
  if (error instanceof SnapshotFailed || error instanceof SandboxFailed)
    return ApplicationFailure.create({ message: error.message, type: error.name, nonRetryable: !error.retryable });
  if (permanent.some((kind) => error instanceof kind) && error instanceof Error)
    return ApplicationFailure.nonRetryable(error.message, error.name);
  return error;
}

function retryable(error: Error): ApplicationFailure {
  return ApplicationFailure.create({
    message: error.message,
    type: error.name,
    category: ApplicationFailureCategory.BENIGN,
  });
}

/** Not yet: asked again after a while, without a line in the log or an event in the history. */
export function notYet(message: string, againInMilliseconds: number): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type: 'NotYet',
    nextRetryDelay: againInMilliseconds,
    category: ApplicationFailureCategory.BENIGN,
  });
}

type Activities = Record<string, (...args: never[]) => Promise<unknown>>;

/** The same activities, with every error that leaves them translated. */
export function translated<A extends Activities>(activities: A): A {
  const entries = Object.entries(activities).map(([name, act]) => [
    name,
    async (...args: never[]) => {
      try {
        return await act(...args);
      } catch (error) {
        throw toApplicationFailure(error);
      }
    },
  ]);
  return Object.fromEntries(entries) as A;
}
