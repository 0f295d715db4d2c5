/**
 * The desk of a cycle: takes the orders people give it, keeps what an operator sees in Temporal's UI (current details,
 * search attributes, the status query), and records each step with its reasons.
 */
import { ringWorkflowId } from '../domain/ids.ts';
import {
  CancellationScope,
  allHandlersFinished,
  condition,
  getExternalWorkflowHandle,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type {
  ChangeRecordSummary,
  CycleInput,
  CycleSummary,
  SignOff,
  RingEnd,
  RingResult,
} from '../domain/rollout/cycle.ts';
import { failureInWords } from './failures.ts';
import * as messages from './messages.ts';
import { rethrowRefusal, refuse, requireSignOff, registerPartOrderHandlers } from './part-orders.ts';
import { cycleAttributes, outcomeAttribute, ringAttribute, stepAttribute } from './search-attributes.ts';
import { control } from './stubs.ts';
import { type Step, steps } from '../domain/rollout/steps.ts';

export type CycleHandlers = ReturnType<typeof registerCycleHandlers>;

type Result = { readonly because: readonly string[] };

/** What a person says at a gate. */
export type GateOrder = { readonly input: 'advance' | 'go on'; readonly signOff: SignOff };
/** `ask again`: a person has taken a patch out of the record since it was judged. */
export type GateAnswer = GateOrder | 'ask again';

/** Opens the desk: called before the first await, so that no order finds it closed. */
export function registerCycleHandlers(input: CycleInput) {
  const { cycleId } = input;
  const log: string[] = [];
  let status: messages.CycleStatus = { step: steps[0], doing: 'starts', waitsFor: null };
  let asksApproval = false;
  let approved = false;
  /** The gate that waits for a person, and what one has said of it. */
  let gate: { readonly result: RingResult; answer: GateAnswer | null } | null = null;
  /** Orders that may change what the cycle waits for; and how many there were when the ring began that is judged. */
  let signals = 0;
  let signalsBeforeRing = 0;
  /** The halts that hold the cycle, as they were last read; the rows are what counts. */
  let haltedBy: readonly string[] | null = null;
  let ring: { readonly name: string; readonly workflowId: string } | null = null;

  const statusNow = () => {
    const waitsFor = haltedBy ? `a person, to resume or cancel it: ${haltedBy.join('; ')}` : status.waitsFor;
    return { ...status, waitsFor };
  };
  const show = (next: Partial<messages.CycleStatus>) => {
    status = { ...status, ...next };
    const { step, doing, waitsFor } = statusNow();
    const now = waitsFor ? `**waits for ${waitsFor}**` : doing;
    setCurrentDetails([`- ${step}: ${now}`, ...log.map((line) => `- ${line}`)].join('\n'));
  };
  const readHalts = async () => {
    // A signal that comes after a cancellation must not fail the cycle while it writes its report.
    const halts = await CancellationScope.nonCancellable(() => control.haltsOn({ cycleId, ring: ring?.name ?? null }));
    haltedBy = halts && halts.because;
    show({});
    return halts;
  };
  const lookAgain = async () => {
    signals += 1;
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
    if (skipped > asked.result.patchesSkipped) asked.answer ??= 'ask again';
  };
  /** Something was ordered that is on record: what holds the cycle is read again, and its ring is told. */
  const afterOrder = async () => {
    await readHalts();
    await lookForSkips();
    await lookAgain();
  };

  upsertSearchAttributes(cycleAttributes(input));
  setHandler(messages.cycleStatus, statusNow, { description: 'Which step the cycle is at, and what it waits for.' });
  setHandler(messages.ringHalted, async () => void (await readHalts()), { description: 'A halt holds the ring.' });
  setHandler(messages.lookAgain, afterOrder, { description: 'Something this cycle waits for may have changed.' });

  registerPartOrderHandlers({
    cycleId,
    hasEnded: () => status.step === 'ended',
    after: async (because) => {
      log.push(...because);
      await afterOrder();
    },
  });
  setHandler(
    messages.approve,
    async (signOff) => {
      const { enough } = await control.approveChangeRecord({ cycleId, signOff, at: new Date().toISOString() });
      approved ||= enough;
    },
    {
      description: 'Approves the change record. {"who": "…", "why": "…"}',
      validator: (signOff) => {
        requireSignOff(signOff);
        if (!asksApproval || approved) refuse('nothing waits for an approval');
      },
    },
  );
  setHandler(
    messages.advance,
    async (signOff) => {
      const asked = gate;
      if (!asked) return;
      const at = new Date().toISOString();
      const { clientId } = input;
      const { ring } = asked.result;
      await control.advanceGate({ input: { cycleId, clientId, ring }, signOff, at }).catch(rethrowRefusal);
      asked.answer ??= { input: 'advance', signOff };
    },
    {
      description: 'Lets the next ring start after a held gate. {"who": "…", "why": "…"}',
      validator: (signOff) => {
        requireSignOff(signOff);
        if (!gate) refuse('no gate waits for a person');
        if (haltedBy) refuse(`resume it before you advance its gate: ${haltedBy.join('; ')}`);
      },
    },
  );
  setHandler(
    messages.continueCycle,
    (signOff) => {
      if (gate) gate.answer ??= { input: 'go on', signOff };
    },
    {
      description: 'Continues a halted record with its good patches, without those at fault. {"who": "…", "why": "…"}',
      validator: (signOff) => {
        requireSignOff(signOff);
        if (gate?.result.successor !== 'ask') refuse('no halted gate waits for a word on what goes on without it');
        if (haltedBy) refuse(`resume it before the rest goes on: ${haltedBy.join('; ')}`);
      },
    },
  );
  setHandler(
    messages.openWindow,
    async ({ minutes, site, ...signOff }) => {
      const at = new Date().toISOString();
      const opened = control.openWindow({ cycleId, minutes, site: site ?? null, signOff, at });
      const { because } = await opened.catch(rethrowRefusal);
      log.push(...because);
      show({});
      await lookAgain();
    },
    {
      description:
        'Opens a window now, besides the policy’s. {"who": "…", "why": "…", "minutes": 60, "site": "berlin"}',
      validator: (signOff) => {
        requireSignOff(signOff, ['minutes', 'site']);
        if (!(signOff.minutes > 0 && signOff.minutes <= 24 * 60)) refuse('minutes must be between 1 and 1440');
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
    /**
     * Walks one step and records what came of it. A step that cannot be done is recorded as failed before the failure
     * goes on.
     */
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
    async omit(omitted: readonly Step[], because: string): Promise<void> {
      for (const step of omitted) await record(step, 'left out', new Date(), [because]);
    },

    /** Waits until a person approves the change record; false when none did in time. */
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
     * Waits for as long as a halt holds the whole cycle. Null once nothing does; the halts that were not resumed in
     * the days the policy gives a person.
     */
    async untilResumed(): Promise<readonly string[] | null> {
      for (;;) {
        const seen = signals;
        const halts = await readHalts();
        if (!halts) return null;
        if (halts.secondsRemaining <= 0) return halts.because;
        await condition(() => signals > seen, `${halts.secondsRemaining} seconds`, { summary: 'the cycle is halted' });
      }
    },

    /** Runs one ring where orders can reach it. */
    async ring(name: string, run: (workflowId: string) => Promise<RingEnd>): Promise<RingEnd> {
      ring = { name, workflowId: ringWorkflowId({ cycleId, ring: name }) };
      signalsBeforeRing = signals;
      upsertSearchAttributes(ringAttribute(name));
      show({ doing: `ring ${name}`, waitsFor: null });
      const result = await run(ring.workflowId);
      ring = null;
      log.push(`ring ${name}: ${result.verdict}, ${result.because[0] ?? ''}`);
      return result;
    },

    /**
     * Waits at a held gate, or at a halted one whose good patches may go on, until a person says what becomes of it;
     * null when no person did in time.
     */
    async waitAtGate(result: RingResult, { heldGateDays }: ChangeRecordSummary): Promise<GateAnswer | null> {
      const asked: NonNullable<typeof gate> = { result, answer: null };
      gate = asked;
      const gateIs = `the gate of ring ${result.ring} is ${result.verdict === 'halt' ? 'halted' : 'held'}`;
      show({ waitsFor: `a person: ${gateIs}` });
      if (signals > signalsBeforeRing) await lookForSkips();
      await condition(() => asked.answer !== null, `${heldGateDays} days`, { summary: gateIs });
      gate = null;
      show({ waitsFor: null });
      return asked.answer;
    },

    /** Shows what came of something on the cycle's own page. */
    note(because: readonly string[]): void {
      log.push(because.join('; '));
      show({});
    },

    /** Closes the desk: orders that were taken are carried out first. */
    async end(summary: CycleSummary): Promise<void> {
      upsertSearchAttributes(outcomeAttribute(summary.state));
      haltedBy = null;
      show({ step: 'ended', doing: summary.because.join('; '), waitsFor: null });
      await condition(allHandlersFinished);
    },
  };
}
