/** What the parts of the harness share. */
import type { Child } from './child.ts';
import type { Clock } from './clock.ts';
import type { Execution } from './execution.ts';
import type { ActivityTable, HarnessEvent, Latencies, Random } from './interface.ts';
import type { Sandbox } from './sandbox.ts';
import type { TaskQueue } from './task-queue.ts';
import type { temporal } from '@temporalio/proto';

type Unstamped<Event> = Event extends unknown ? Omit<Event, 'at' | 'seq'> : never;

export type Payload = temporal.api.common.v1.IPayload;
export type Fields = Readonly<Record<string, Payload>>;

/** A workflow to be started, by a client, by its parent, or as its own continuation. */
export type StartRequest = {
  readonly workflowType: string;
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly args: readonly Payload[];
  readonly searchAttributes: Fields;
  readonly memo: Fields;
  readonly parent: Child | null;
  readonly continues: Execution | null;
};

export type Engine = {
  readonly seed: string;
  readonly clock: Clock;
  readonly sandbox: Sandbox;
  readonly activities: ActivityTable;
  readonly continueAsNewAfterEvents: number;
  readonly recordPayloads: boolean;
  /** Draws how long something takes. */
  readonly delays: { readonly [Name in keyof Latencies]: () => number };
  readonly deaths: Random;
  /** Adds an event to the record, with the instant and its number. */
  record(this: void, event: Unstamped<HarnessEvent>): void;
  /** Has the world finish what it began in this event before the next one: a promise that takes no virtual time. */
  settle(work: unknown): void;
  queue(name: string): TaskQueue;
  /** The newest execution of an id, ended or not. */
  newest(this: void, workflowId: string): Execution | undefined;
  begin(order: StartRequest): Execution;
};
