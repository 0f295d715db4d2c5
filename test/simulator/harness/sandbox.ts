/**
 * The context in which workflows run, and one workflow in it. The SDK's own reusable context and its own runtime, entered
 * without its detours: it waits for a turn of the event loop after every activation and swaps all globals between
 * workflows, where ours share everything but their activator.
 */
import vm from 'node:vm';
import { TypedSearchAttributes } from '@temporalio/common';
import type { coresdk } from '@temporalio/proto';
import { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';
import type { WorkflowInfo } from '@temporalio/workflow';
import type { Activator } from '@temporalio/workflow/lib/internals.js';
import type { Instant } from './interface.ts';
import type { ActivationJob } from './jobs.ts';

export type WorkflowCommand = coresdk.workflow_commands.IWorkflowCommand;

/** What an activation says besides its jobs. Recorded with it, so that a replay says the same. */
export type ActivationFrame = {
  readonly at: Instant;
  readonly historyLength: number;
  readonly continueAsNewSuggested: boolean;
};

type Api = {
  initRuntime(options: unknown): void;
  initialize(job: unknown): void;
  activate(activation: unknown, batchIndex: number): void;
  tryUnblockConditions(): number;
  concludeActivation(): {
    readonly successful: { readonly commands: WorkflowCommand[]; readonly usedInternalFlags: number[] };
  };
  dispose(): void;
};

/** Lives inside the context: what is to be called next, for whom. */
type Mailbox = { activator: Activator | undefined; call: keyof Api | 'conclude'; args: readonly unknown[] };

const mailbox = new vm.Script(`
  const __HARNESS_MAILBOX__ = {
    activator: undefined,
    call: '',
    args: [],
    open() {
      if (globalThis.__TEMPORAL_ACTIVATOR__ !== this.activator) globalThis.__TEMPORAL_ACTIVATOR__ = this.activator;
      if (this.call === 'conclude')
        return this.api.tryUnblockConditions() > 0 ? undefined : this.api.concludeActivation();
      return this.api[this.call](...this.args);
    },
    api: __TEMPORAL__.api,
  };
  __HARNESS_MAILBOX__;
`);
// A script, not a call: the context runs its microtasks when a script of it has ended.
const openMailbox = new vm.Script('__HARNESS_MAILBOX__.open()');
const newest = new vm.Script('globalThis.__TEMPORAL_ACTIVATOR__');
const standBy = new vm.Script('globalThis.__TEMPORAL_ACTIVATOR__ = __HARNESS_MAILBOX__.activator');
const ownKeys = new vm.Script('Reflect.ownKeys(globalThis).length');

/** In the place of a workflow while none runs: what any has left uncaught is told to it. */
const nobody = { info: { runId: 'nobody' } } as Activator;

/** Every flag the SDK of this version turns on by itself: a replay is told of them, as the server's record would. */
const knownFlags = [1, 2, 3, 4, 5, 6];

export type InstanceOptions = {
  readonly info: WorkflowInfo;
  readonly randomnessSeed: readonly number[];
  readonly now: Instant;
};

export class Sandbox extends ReusableVMWorkflowCreator {
  private readonly mailbox: Mailbox;
  private readonly globals: number;
  private readonly uncaught: unknown[] = [];

  static over(script: vm.Script, { code, filename }: { code: string; filename: string }): Sandbox {
    const sourceMap = { version: 3, sources: [], names: [], mappings: '', file: filename };
    return new Sandbox(script, { code, filename, sourceMap }, 60_000, new Set(['default']));
  }

  constructor(...args: ConstructorParameters<typeof ReusableVMWorkflowCreator>) {
    super(...args);
    this.mailbox = mailbox.runInContext(this.context) as Mailbox;
    this.globals = ownKeys.runInContext(this.context) as number;
  }

  call<Name extends keyof Api>(
    activator: Activator | undefined,
    name: Name,
    ...args: Parameters<Api[Name]>
  ): ReturnType<Api[Name]> {
    return this.enter(activator, name, args) as ReturnType<Api[Name]>;
  }

  /** Ends the activation when no condition comes true any more; undefined when one has, and its workflow goes on. */
  conclude(activator: Activator): ReturnType<Api['concludeActivation']> | undefined {
    return this.enter(activator, 'conclude', []) as ReturnType<Api['concludeActivation']> | undefined;
  }

  /** One entry into the context, which costs more than most of what is done there. */
  private enter(activator: Activator | undefined, call: Mailbox['call'], args: readonly unknown[]): unknown {
    this.mailbox.activator = activator;
    this.mailbox.call = call;
    this.mailbox.args = args;
    return openMailbox.runInContext(this.context);
  }

  open({ info, randomnessSeed, now }: InstanceOptions): Instance {
    this.call(undefined, 'initRuntime', {
      info,
      randomnessSeed: [...randomnessSeed],
      now,
      showStackTraceSources: false,
      sourceMap: this.workflowBundle.sourceMap,
      getTimeOfDay: () => 0n,
      registeredActivityNames: this.registeredActivityNames,
      stackTracesEnabled: false,
    });
    return new Instance(this, newest.runInContext(this.context) as Activator);
  }

  /** Lets the event loop turn once. @throws Error when a workflow has left a rejection that nobody catches */
  async turn(): Promise<void> {
    const listener = { setUnhandledRejection: (error: unknown) => this.uncaught.push(error) };
    ReusableVMWorkflowCreator.workflowByRunId.set(nobody.info.runId, listener as never);
    this.mailbox.activator = nobody;
    standBy.runInContext(this.context);
    await new Promise((resolve) => setImmediate(resolve));
    const [error] = this.uncaught.splice(0);
    if (error) throw new Error(`A workflow left a rejection to nobody: ${wordsOf(error)}`);
  }

  /** @throws Error when a workflow has left something behind in what all of them share */
  assertUntouched(): void {
    const now = ownKeys.runInContext(this.context) as number;
    if (now > this.globals + 1)
      throw new Error('A workflow has set a global variable: the harness does not keep those of workflows apart.');
  }
}

/** One workflow in memory. */
export class Instance {
  private readonly sandbox: Sandbox;
  private readonly activator: Activator;

  constructor(sandbox: Sandbox, activator: Activator) {
    this.sandbox = sandbox;
    this.activator = activator;
  }

  /**
   * Runs one activation to its end and returns what the workflow asks for.
   * @throws whatever the workflow threw that is no failure of Temporal's: its task has failed
   */
  step(jobs: readonly ActivationJob[], frame: ActivationFrame, replaying: boolean): readonly WorkflowCommand[] {
    const { activator, sandbox } = this;
    activator.now = frame.at;
    activator.mutateWorkflowInfo((info) => ({
      ...info,
      historyLength: frame.historyLength,
      continueAsNewSuggested: frame.continueAsNewSuggested,
      unsafe: { ...info.unsafe, isReplaying: replaying, isReplayingHistoryEvents: replaying },
    }));
    if (replaying) activator.addKnownFlags(knownFlags);
    const rest: ActivationJob[] = [];
    for (const job of jobs) {
      if (job.variant === 'notifyHasPatch') activator.notifyHasPatch(job.notifyHasPatch);
      else rest.push(job);
      if (job.variant === 'initializeWorkflow') sandbox.call(activator, 'initialize', job.initializeWorkflow);
    }
    sandbox.call(activator, 'activate', { jobs: rest }, 0);
    let concluded = sandbox.conclude(activator);
    while (!concluded) concluded = sandbox.conclude(activator);
    if (activator.sinkCalls.length > 0) activator.getAndResetSinkCalls();
    return concluded.successful.commands;
  }

  ask(job: ActivationJob): readonly WorkflowCommand[] {
    const { activator, sandbox } = this;
    activator.mutateWorkflowInfo((info) => ({
      ...info,
      unsafe: { ...info.unsafe, isReplaying: true, isReplayingHistoryEvents: false },
    }));
    sandbox.call(activator, 'activate', { jobs: [job] }, 0);
    return sandbox.call(activator, 'concludeActivation').successful.commands;
  }

  get details(): string {
    return this.activator.currentDetails;
  }

  get searchAttributes(): Readonly<Record<string, unknown>> {
    return this.activator.info.searchAttributes;
  }

  close(): void {
    this.sandbox.call(this.activator, 'dispose');
  }
}

/** What an error says; one of the workflows' context is no Error of ours. */
export function wordsOf(error: unknown): string {
  return String((error as { readonly message?: unknown } | null)?.message ?? error);
}

export function emptyAttributes(): TypedSearchAttributes {
  return new TypedSearchAttributes();
}
