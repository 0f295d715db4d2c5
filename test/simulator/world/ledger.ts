/** What an agent was asked to do and what became of it: answers a repeat, refuses the same id for another body. */
import { createHash } from 'node:crypto';
import { AgentRefused } from '../../../activities/ports/agent.ts';
import type { Operation, OperationBody, OperationReport, OperationState } from '../../../domain/endpoints/operation.ts';

type Entry = { readonly digest: string; readonly body: OperationBody; readonly report: OperationReport };

export class Ledger {
  readonly #entries: Map<string, Entry>;

  constructor(entries: Iterable<[string, Entry]> = []) {
    this.#entries = new Map(entries);
  }

  /** As a snapshot of the machine takes it along. */
  copy(): Ledger {
    return new Ledger(this.#entries);
  }

  report(operationId: string): OperationReport | null {
    return this.#entries.get(operationId)?.report ?? null;
  }

  /** What runs: one at a time. */
  running(): Entry | null {
    return [...this.#entries.values()].find(({ report }) => report.state === 'running') ?? null;
  }

  /**
   * Null when the operation is new and may begin.
   * @throws AgentRefused for the same id with another body, and while another operation runs
   */
  known({ operationId, body, generation }: Operation): OperationReport | null {
    const entry = this.#entries.get(operationId);
    if (entry) {
      if (entry.digest === digestOf(generation, body)) return entry.report;
      throw new AgentRefused(`Operation ${operationId} is known with another body.`, 'other body', 409);
    }
    const running = this.running();
    if (running) throw new AgentRefused(`Another operation is running here: ${running.report.kind}.`, 'busy', 409);
    return null;
  }

  begin({ operationId, body, generation }: Operation, startedAt: string): OperationReport {
    const report: OperationReport = {
      operationId,
      kind: body.kind,
      generation,
      state: 'running',
      startedAt,
      endedAt: null,
      because: 'Accepted.',
      packagesAtFault: [],
      logTail: '',
    };
    this.#entries.set(operationId, { digest: digestOf(generation, body), body, report });
    return report;
  }

  end(
    operationId: string,
    ended: {
      readonly state: OperationState;
      readonly because: string;
      readonly packagesAtFault?: readonly string[];
      readonly at: string;
    },
  ): void {
    const entry = this.#entries.get(operationId);
    if (!entry) return;
    const { state, because, packagesAtFault = [], at } = ended;
    this.#entries.set(operationId, {
      ...entry,
      report: { ...entry.report, state, because, packagesAtFault, endedAt: at },
    });
  }
}

function digestOf(generation: number, body: OperationBody): string {
  return createHash('sha1')
    .update(JSON.stringify([generation, body]))
    .digest('hex');
}
