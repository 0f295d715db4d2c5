/**
 * The effects: one at a time, each at most once. An operation is in the ledger before it starts; when the agent
 * comes back after a crash or a reboot, what was unfinished is taken up where it can be, and else settled by what
 * is observed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { OperationReport } from '../domain/endpoints/operation.ts';
import type { SubmitRequest } from '../protocol/agent.ts';
import { begin, isRun, resume } from './effects.ts';
import type { Effect, OperationEnd } from './effects.ts';
import { readGeneration } from './generation.ts';
import { Ledger, LedgerUnreadable, digestOf } from './ledger.ts';
import type { LedgerEntry } from './ledger.ts';
import type { Machine } from './machine.ts';
import { Refusal } from './refusal.ts';

const retryWriteMilliseconds = 5000;

export class Operations {
  readonly #machine: Machine;
  readonly #stateDirectory: string;
  readonly #ledger: Ledger;
  readonly #log: (line: string) => void;
  readonly #stopped = new AbortController();
  /** By operation id. Their ends are told when they are on the disk, not when they can be read from it. */
  readonly #running = new Map<string, LedgerEntry>();
  #submitting: Promise<unknown> = Promise.resolve();
  #closedBecause: string | null = null;

  constructor(machine: Machine, stateDirectory: string, log: (line: string) => void) {
    this.#machine = machine;
    this.#stateDirectory = stateDirectory;
    this.#ledger = new Ledger(stateDirectory);
    this.#log = log;
  }

  /** Takes up what was unfinished. With an unreadable ledger no effect is accepted: one of them may be running. */
  async takeUpUnfinished(): Promise<void> {
    try {
      const unfinished = await this.#ledger.unfinished();
      for (const entry of unfinished) this.#carryOut(entry, resume);
    } catch (error) {
      if (!(error instanceof LedgerUnreadable)) throw error;
      this.#closedBecause = error.message;
      this.#log(error.message);
    }
  }

  /** Whatever runs on the machine goes on; only this agent stops looking. */
  stop(): void {
    this.#stopped.abort();
  }

  /** Accepts an effect, or answers from the ledger. Throws `Refusal`. */
  submit(operationId: string, request: SubmitRequest): Promise<OperationReport> {
    const answer = this.#submitting.then(() => this.#submitAlone(operationId, request));
    this.#submitting = answer.catch(() => undefined);
    return answer;
  }

  /** Null when the operation is not known. */
  async report(operationId: string): Promise<OperationReport | null> {
    const entry = await this.#find(operationId);
    return entry && this.#withProgress(entry);
  }

  async #submitAlone(operationId: string, request: SubmitRequest): Promise<OperationReport> {
    await this.#checkGeneration(request.generation);
    const digest = digestOf(request.generation, request.body);
    const known = await this.#find(operationId);
    if (known) return this.#replay(known, digest);
    if (this.#closedBecause !== null) throw new Refusal('internal', this.#closedBecause);
    for (const running of this.#running.values()) throw new Refusal('busy', describeBusy(running));
    const entry: LedgerEntry = {
      digest,
      permit: request.permit,
      body: request.body,
      report: {
        operationId,
        kind: request.body.kind,
        generation: request.generation,
        state: 'running',
        startedAt: new Date().toISOString(),
        endedAt: null,
        because: 'Accepted.',
        packagesAtFault: [],
        logTail: '',
      },
    };
    await this.#ledger.write(entry);
    this.#carryOut(entry, begin);
    return entry.report;
  }

  #find(operationId: string): Promise<LedgerEntry | null> {
    const running = this.#running.get(operationId);
    return running ? Promise.resolve(running) : this.#ledger.read(operationId);
  }

  async #checkGeneration(generation: number): Promise<void> {
    const own = await readGeneration(this.#stateDirectory);
    if (generation < own) {
      throw new Refusal(
        'older generation',
        `The operation is for generation ${generation}; this endpoint has been rolled back since and is generation ${own}.`,
      );
    }
    if (generation > own) {
      throw new Refusal(
        'newer generation',
        `The operation is for generation ${generation}, but this endpoint knows only of generation ${own}; find out which of them was restored.`,
      );
    }
  }

  #replay(known: LedgerEntry, digest: string): Promise<OperationReport> {
    if (known.digest === digest) return this.#withProgress(known);
    throw new Refusal(
      'other body',
      `Operation ${known.report.operationId} is known with another body (${known.report.kind}); the same id must mean the same effect.`,
    );
  }

  async #withProgress(entry: LedgerEntry): Promise<OperationReport> {
    const { operationId, state } = entry.report;
    if (state !== 'running' || !isRun(entry.body)) return entry.report;
    const { doing, logTail } = await this.#machine.packages.runProgress(operationId);
    return { ...entry.report, because: doing === '' ? entry.report.because : doing, logTail };
  }

  /** Goes on in the background; an agent that is stopped leaves the entry as it is, for the next one. */
  #carryOut(entry: LedgerEntry, effect: Effect): void {
    const { operationId } = entry.report;
    this.#running.set(operationId, entry);
    void this.#settle(entry, effect).then(() => this.#running.delete(operationId));
  }

  async #settle(entry: LedgerEntry, effect: Effect): Promise<void> {
    // One of its own, so that what waits on it is forgotten with the operation.
    const signal = AbortSignal.any([this.#stopped.signal]);
    const settled = await effect(this.#machine, entry, signal).catch((error: unknown): OperationEnd => {
      this.#log(`Operation ${entry.report.operationId} could not be carried out: ${String(error)}`);
      return {
        state: 'interrupted',
        because: `The agent could not go on with it (${sentenceOf(error)}); what is true now must be observed.`,
        packagesAtFault: [],
        logTail: '',
      };
    });
    if (signal.aborted) return;
    const report = { ...entry.report, ...settled, endedAt: new Date().toISOString() };
    await this.#writeUntilDone({ ...entry, report });
  }

  /** Until its end is on the disk the operation counts as running: nothing is told that a power cut could undo. */
  async #writeUntilDone(entry: LedgerEntry): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#ledger.write(entry);
        return;
      } catch (error) {
        this.#log(`The end of operation ${entry.report.operationId} cannot be written: ${String(error)}`);
        await delay(retryWriteMilliseconds, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      }
    }
  }
}

function describeBusy(entry: LedgerEntry): string {
  const { kind, operationId, startedAt } = entry.report;
  return `Another operation is running here: ${kind} ${operationId}, since ${startedAt}. Ask again when it has ended.`;
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n', 1)[0]!.slice(0, 300) : 'unknown error';
}
