/**
 * The desk of a cycle: takes the orders people give it, keeps what an operator sees in Temporal's UI (current details,
 * search attributes, the status query), and records each step with its reasons.
 */
import {
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
  type CycleSummary,
  type PersonsWord,
  type RingEnd,
  type RingResult,
  type Step,
  steps,
} from '../domain/cycle.ts';
import { failureInWords } from './failures.ts';
import * as messages from './messages.ts';
import { inItsOwnWords, refuse, signed, takePartOrders } from './part-orders.ts';
import { cycleAttributes, outcomeAttribute, ringAttribute, stepAttribute } from './search-attributes.ts';
import { control } from './stubs.ts';

export type Desk = ReturnType<typeof takeOrders>;

type Result = { readonly because: readonly string[] };

/** What a person says at a gate. */
export type GateWord = { readonly order: 'advance' | 'go on'; readonly word: PersonsWord };
/** `ask again`: a person has taken a patch out of the record since it was judged. */
export type GateAnswer = GateWord | 'ask again';

/** Opens the desk: called before the first await, so that no order finds it closed. */
export function takeOrders(order: CycleOrder) {
  const { cycleId } = order;
  const log: string[] = [];
  let status: messages.CycleStatus = { step: steps[0], doing: 'starts', waitsFor: null };
  let asksApproval = false;
  let approved = false;
  /** The gate that waits for a person, and what one has said of it. */
  let gate: { readonly result: RingResult; told: GateAnswer | null } | null = null;
  /** Orders that may change what the cycle waits for; and how many there were when the ring began that is judged. */
  let nudges = 0;
  let nudgesBeforeRing = 0;
  /** The halts that hold the cycle, as they were last read; the rows are what counts. */
  let heldBy: readonly string[] | null = null;
  let ring: { readonly name: string; readonly workflowId: string } | null = null;

  const statusNow = () => {
    const waitsFor = heldBy ? `a person, to resume or cancel it: ${heldBy.join('; ')}` : status.waitsFor;
    return { ...status, waitsFor };
  };
  const show = (next: Partial<messages.CycleStatus>) => {
    status = { ...status, ...next };
    const { step, doing, waitsFor } = statusNow();
    const now = waitsFor ? `**waits for ${waitsFor}**` : doing;
    setCurrentDetails([`- ${step}: ${now}`, ...log.map((line) => `- ${line}`)].join('\n'));
  };
  const readHolds = async () => {
    // A nudge that comes after a cancellation must not fail the cycle while it gives its account.
    const hold = await CancellationScope.nonCancellable(() => control.holdOn({ cycleId, ring: ring?.name ?? null }));
    heldBy = hold && hold.because;
    show({});
    return hold;
  };
  const lookAgain = async () => {
    nudges += 1;
    if (ring)
      await getExternalWorkflowHandle(ring.workflowId)
        .signal(messages.lookAgain)
        .catch(() => undefined);
  };
  /** A gate that waits for a person is asked again once a patch has left its record. */
  const lookForSkips = async () => {
    const asked = gate;
    if (!asked) return;
    const skipped = await CancellationScope.nonCancellable(() => control.patchesSkipped({ cycleId }));
    if (skipped > asked.result.patchesSkipped) asked.told ??= 'ask again';
  };
  /** Something was ordered that is on record: what holds the cycle is read again, and its ring is told. */
  const ordered = async () => {
    await readHolds();
    await lookForSkips();
    await lookAgain();
  };

  upsertSearchAttributes(cycleAttributes(order));
  setHandler(messages.cycleStatus, statusNow, { description: 'Which step the cycle is at, and what it waits for.' });
  setHandler(messages.ringHeld, async () => void (await readHolds()), { description: 'A halt holds the ring.' });
  setHandler(messages.lookAgain, ordered, { description: 'Something this cycle waits for may have changed.' });

  takePartOrders({
    cycleId,
    hasEnded: () => status.step === 'ended',
    after: async (because) => {
      log.push(...because);
      await ordered();
    },
  });
  setHandler(
    messages.approve,
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
    messages.advance,
    async (word) => {
      const asked = gate;
      if (!asked) return;
      const at = new Date().toISOString();
      const { clientId } = order;
      const { ring } = asked.result;
      await control.advanceGate({ order: { cycleId, clientId, ring }, word, at }).catch(inItsOwnWords);
      asked.told ??= { order: 'advance', word };
    },
    {
      description: 'Lets the next ring go on after a held gate. {"who": "…", "why": "…"}',
      validator: (word) => {
        signed(word);
        if (!gate) refuse('no gate waits for a person');
        if (heldBy) refuse(`resume it before you advance its gate: ${heldBy.join('; ')}`);
      },
    },
  );
  setHandler(
    messages.goOn,
    (word) => {
      if (gate) gate.told ??= { order: 'go on', word };
    },
    {
      description: 'Lets the good patches of a halted record go on, without those at fault. {"who": "…", "why": "…"}',
      validator: (word) => {
        signed(word);
        if (gate?.result.successor !== 'ask') refuse('no halted gate waits for a word on what goes on without it');
        if (heldBy) refuse(`resume it before the rest goes on: ${heldBy.join('; ')}`);
      },
    },
  );
  setHandler(
    messages.openWindow,
    async ({ minutes, site, ...word }) => {
      const at = new Date().toISOString();
      const opened = control.openWindow({ cycleId, minutes, site: site ?? null, word, at });
      const { because } = await opened.catch(inItsOwnWords);
      log.push(...because);
      show({});
      await lookAgain();
    },
    {
      description:
        'Opens a window now, besides the policy’s. {"who": "…", "why": "…", "minutes": 60, "site": "berlin"}',
      validator: (word) => {
        signed(word, ['minutes', 'site']);
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
    async leaveOut(left: readonly Step[], because: string): Promise<void> {
      for (const step of left) await record(step, 'left out', new Date(), [because]);
    },

    /** Waits until a person approves the change record; false when nobody came in time. */
    async approval(changeRecord: ChangeRecordSummary): Promise<boolean> {
      // A successor's record is another one: what was said of its parent does not count for it.
      approved = false;
      asksApproval = true;
      const { step } = status;
      show({ step: 'change record', waitsFor: `an approval of ${changeRecord.changeRecordId}` });
      await condition(() => approved, `${changeRecord.approvalWithinMinutes} minutes`, {
        summary: `waits for an approval of the change record`,
      });
      asksApproval = false;
      show({ step, waitsFor: null });
      return approved;
    },

    /**
     * Waits for as long as a halt holds the whole cycle. Null once nothing does; the halts that nobody has resumed in
     * the days the policy gives a person.
     */
    async untilResumed(): Promise<readonly string[] | null> {
      for (;;) {
        const seen = nudges;
        const hold = await readHolds();
        if (!hold) return null;
        if (hold.secondsLeft <= 0) return hold.because;
        await condition(() => nudges > seen, `${hold.secondsLeft} seconds`, { summary: 'the cycle is halted' });
      }
    },

    /** Runs one ring where orders can reach it. */
    async ring(name: string, run: (workflowId: string) => Promise<RingEnd>): Promise<RingEnd> {
      ring = { name, workflowId: `ring/${cycleId}/${name}` };
      nudgesBeforeRing = nudges;
      upsertSearchAttributes(ringAttribute(name));
      show({ doing: `ring ${name}`, waitsFor: null });
      const result = await run(ring.workflowId);
      ring = null;
      log.push(`ring ${name}: ${result.verdict}, ${result.because[0] ?? ''}`);
      return result;
    },

    /**
     * Waits at a held gate, or at a halted one whose good patches may go on, until a person says what becomes of it; null
     * when nobody came in time.
     */
    async atGate(result: RingResult, { heldGateDays }: ChangeRecordSummary): Promise<GateAnswer | null> {
      const asked: NonNullable<typeof gate> = { result, told: null };
      gate = asked;
      const gateIs = `the gate of ring ${result.ring} is ${result.verdict === 'halt' ? 'halted' : 'held'}`;
      show({ waitsFor: `a person: ${gateIs}` });
      if (nudges > nudgesBeforeRing) await lookForSkips();
      await condition(() => asked.told !== null, `${heldGateDays} days`, { summary: gateIs });
      gate = null;
      show({ waitsFor: null });
      return asked.told;
    },

    /** Shows what came of something on the cycle's own page. */
    note(because: readonly string[]): void {
      log.push(because.join('; '));
      show({});
    },

    /** Closes the desk: orders that were taken are carried out first. */
    async end(summary: CycleSummary): Promise<void> {
      upsertSearchAttributes(outcomeAttribute(summary.state));
      heldBy = null;
      show({ step: 'ended', doing: summary.because.join('; '), waitsFor: null });
      await condition(allHandlersFinished);
    },
  };
}
