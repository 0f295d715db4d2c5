import { setTimeout as delay } from 'node:timers/promises';
import { launch, type LaunchedProcess } from './launch.ts';
import { stopProcess } from './process-identity.ts';
import type { ProcessPlan } from './process-plan.ts';
import { waitUntilReady } from './readiness.ts';
import type { ProcessRecord } from './stack-state.ts';
import { saysPortTaken } from './taken-port.ts';

const firstPauseMilliseconds = 100;
const longestPauseMilliseconds = 5000;
/** A process that ran this long has not failed at once: the next pause is short again. */
const steadyMilliseconds = 10_000;

/** One planned process, started again whenever it ends, until it is stopped. */
export class SupervisedProcess {
  readonly plan: ProcessPlan;
  readonly #changed: () => void;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #record: ProcessRecord;

  /** Starts it at once; `changed` is called whenever its record is another one. */
  constructor(plan: ProcessPlan, log: string, changed: () => void) {
    this.plan = plan;
    this.#changed = changed;
    const beginning = { state: 'starting', restarts: 0, portTaken: false } as const;
    this.#record = { name: plan.name, role: plan.role, ...beginning, log, stop: plan.stop };
    this.#ended = this.#keepRunning();
  }

  get role(): ProcessPlan['role'] {
    return this.plan.role;
  }

  get record(): ProcessRecord {
    return this.#record;
  }

  /** Ends it in order, and starts it no more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  async #keepRunning(): Promise<void> {
    const { signal } = this.#stopping;
    let pause = firstPauseMilliseconds;
    for (;;) {
      const began = Date.now();
      const lastEnd = await this.#runOnce().catch((error: Error) => error.message);
      if (signal.aborted) return;
      this.#change({ state: 'waiting', lastEnd });
      if (Date.now() - began > steadyMilliseconds) pause = firstPauseMilliseconds;
      await delay(pause, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      pause = Math.min(pause * 2, longestPauseMilliseconds);
      this.#change({ state: 'starting', restarts: this.#record.restarts + 1 });
    }
  }

  /** One life of the process, from its start to how it ended. */
  async #runOnce(): Promise<string> {
    const launched = await launch(this.plan, this.#record.log);
    this.#change({ identity: launched.identity, startedAt: new Date().toISOString() });
    const stop = () => void stopProcess(launched.identity, this.plan.stop);
    if (this.#stopping.signal.aborted) stop();
    this.#stopping.signal.addEventListener('abort', stop);
    const life = new AbortController();
    void this.#noteReady(launched, life.signal);
    try {
      const how = await launched.ended;
      this.#change({ portTaken: saysPortTaken(launched.log) });
      return how;
    } finally {
      life.abort();
      this.#stopping.signal.removeEventListener('abort', stop);
    }
  }

  async #noteReady(launched: LaunchedProcess, life: AbortSignal): Promise<void> {
    try {
      await waitUntilReady(this.plan.ready, launched.log, life);
    } catch {
      return;
    }
    if (!life.aborted) this.#change({ state: 'ready', portTaken: false });
  }

  #change(news: Partial<ProcessRecord>): void {
    this.#record = { ...this.#record, ...news };
    this.#changed();
  }
}
