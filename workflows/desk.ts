/**
 * The desk of a cycle: takes the orders people give it, keeps what an operator sees in Temporal's UI (current details,
 * search attributes, the status query), and records each step with its reasons.
 */
import {
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  getExternalWorkflowHandle,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import {
  type ChangeRecordSummary,
  type CycleOrder,
  type CycleState,
  type CycleSummary,
  type PersonsWord,
  type RingResult,
  type Step,
  steps,
} from '../domain/cycle.ts';
import { failureInWords } from './failures.ts';
import { type CycleStatus, advance, approve, cycleStatus, halt, lookAgain, openWindow } from './messages.ts';
import { cycleAttributes, outcomeAttribute, ringAttribute, stepAttribute } from './search-attributes.ts';
import { control } from './stubs.ts';

export type Desk = ReturnType<typeof takeOrders>;

type Result = { readonly because: readonly string[] };

/** Opens the desk: called before the first await, so that no order finds it closed. */
export function takeOrders(order: CycleOrder) {
  const { cycleId } = order;
  const log: string[] = [];
  let status: CycleStatus = { step: steps[0], doing: 'starts', waitsFor: null };
  let asksApproval = false;
  let approved = false;
  let held = false;
  let released = false;
  let halted: PersonsWord | null = null;
  let ringWorkflowId: string | null = null;

  const show = (next: Partial<CycleStatus>) => {
    status = { ...status, ...next };
    const now = status.waitsFor ? `**waits for ${status.waitsFor}**` : status.doing;
    setCurrentDetails([`- ${status.step}: ${now}`, ...log.map((line) => `- ${line}`)].join('\n'));
  };
  const nudge = async () => {
    if (ringWorkflowId)
      await getExternalWorkflowHandle(ringWorkflowId)
        .signal(lookAgain)
        .catch(() => undefined);
  };

  upsertSearchAttributes(cycleAttributes(order));
  setHandler(cycleStatus, () => status, { description: 'Which step the cycle is at, and what it waits for.' });

  setHandler(
    approve,
    async (word) => {
      const { enough } = await control.approveChangeRecord({ cycleId, word, at: new Date().toISOString() });
      approved ||= enough;
    },
    {
      description: 'Approves the change record. {"who": "…", "why": "…"}',
      validator: (word) => {
        signed(word);
        if (!asksApproval || approved) refuse('nothing waits for an approval');
      },
    },
  );
  setHandler(
    halt,
    async (word) => {
      // First of all: from now on the story starts nothing more, and from the row on no permit is given.
      halted = word;
      await control.orderHalt({ cycleId, word, at: new Date().toISOString() });
      log.push(`halted by ${word.who}: ${word.why}`);
      show({});
      await nudge();
    },
    {
      description: 'Starts nothing more; what has started is brought to a known state. {"who": "…", "why": "…"}',
      validator: (word) => {
        signed(word);
        if (halted) refuse(`${halted.who} has halted it already`);
        if (status.step === 'ended') refuse('the cycle has ended');
      },
    },
  );
  setHandler(
    advance,
    async (word) => {
      const at = new Date().toISOString();
      await control.recordOrder({ cycleId, action: 'advance', subject: cycleId, at, word });
      released = true;
    },
    {
      description: 'Lets the next ring go on after a held gate. {"who": "…", "why": "…"}',
      validator: (word) => {
        signed(word);
        if (!held) refuse('no gate is held; a halted one is not advanced');
      },
    },
  );
  setHandler(
    openWindow,
    async ({ minutes, site, ...word }) => {
      const at = new Date().toISOString();
      const { because } = await control.openWindow({ cycleId, minutes, site: site ?? null, word, at });
      log.push(...because);
      show({});
      await nudge();
    },
    {
      description:
        'Opens a window now, besides the policy’s. {"who": "…", "why": "…", "minutes": 60, "site": "berlin"}',
      validator: (word) => {
        signed(word);
        if (!(word.minutes > 0 && word.minutes <= 24 * 60)) refuse('minutes must be between 1 and 1440');
        if (status.step === 'ended') refuse('the cycle has ended');
      },
    },
  );

  const record = (step: Step, state: 'done' | 'failed' | 'left out', startedAt: Date, because: readonly string[]) => {
    log.push(`${step}: ${because[0] ?? state}`);
    return control.recordStep({
      cycleId,
      step,
      state,
      startedAt: startedAt.toISOString(),
      endedAt: new Date().toISOString(),
      because,
    });
  };

  return {
    /** Walks one step and records what came of it. A step that cannot be done is recorded as failed before the failure goes on. */
    async walk<T extends Result>(step: Step, act: () => Promise<T>): Promise<T> {
      const startedAt = new Date();
      upsertSearchAttributes(stepAttribute(step));
      show({ step, doing: 'under way', waitsFor: null });
      await control.beginStep({ cycleId, step, startedAt: startedAt.toISOString() });
      try {
        const result = await act();
        await record(step, 'done', startedAt, result.because);
        return result;
      } catch (failure) {
        await CancellationScope.nonCancellable(() => record(step, 'failed', startedAt, [failureInWords(failure)]));
        throw failure;
      }
    },

    /** Records steps that have nothing to do in this cycle. */
    async leaveOut(left: readonly Step[], because: string): Promise<CycleState> {
      for (const step of left) await record(step, 'left out', new Date(), [because]);
      return halted ? 'halted' : 'finished';
    },

    /** Waits until a person approves the change record; false when it was halted or nobody came in time. */
    async approval(changeRecord: ChangeRecordSummary): Promise<boolean> {
      asksApproval = true;
      show({ step: 'change record', waitsFor: `an approval of ${changeRecord.changeRecordId}` });
      const minutes = changeRecord.approvalWithinMinutes;
      await condition(() => approved || halted !== null, `${minutes} minutes`, {
        summary: `waits for an approval of the change record`,
      });
      asksApproval = false;
      show({ waitsFor: null });
      return approved && !halted;
    },

    /** Runs one ring where orders can reach it. */
    async ring(ring: string, run: (workflowId: string) => Promise<RingResult>): Promise<RingResult> {
      ringWorkflowId = `ring/${cycleId}/${ring}`;
      upsertSearchAttributes(ringAttribute(ring));
      show({ doing: `ring ${ring}`, waitsFor: null });
      const result = await run(ringWorkflowId);
      ringWorkflowId = null;
      log.push(`ring ${ring}: ${result.verdict}, ${result.because[0] ?? ''}`);
      return result;
    },

    /** Waits at a held gate until a person advances it; false when the cycle was halted instead. */
    async advanced(result: RingResult, { heldGateDays }: ChangeRecordSummary): Promise<boolean> {
      held = true;
      released = false;
      show({ waitsFor: `a person: the gate of ring ${result.ring} is held` });
      await condition(() => released || halted !== null, `${heldGateDays} days`, {
        summary: `gate of ring ${result.ring} is held`,
      });
      held = false;
      show({ waitsFor: null });
      return released && !halted;
    },

    /** Who halted the cycle and why; null while nobody has. */
    halted(): readonly string[] | null {
      return halted ? [`halted by ${halted.who}: ${halted.why}`] : null;
    },

    /** Closes the desk: orders that were taken are carried out first. */
    async end(summary: CycleSummary): Promise<void> {
      upsertSearchAttributes(outcomeAttribute(summary.state));
      show({ step: 'ended', doing: summary.because.join('; '), waitsFor: null });
      await condition(allHandlersFinished);
    },
  };
}

function signed(word: PersonsWord): void {
  if (!word?.who?.trim()) refuse('say who gives the order: "who"');
  if (!word.why?.trim()) refuse('say why: "why"');
}

function refuse(why: string): never {
  throw ApplicationFailure.nonRetryable(why, 'OrderRefused');
}
