/** The rollout of a cycle: its change record ring by ring, and the records that follow it. */
import { executeChild } from '@temporalio/workflow';
import type { ChangeRecordSummary, CycleInput, CycleState, SignOff, SiteReference } from '../domain/rollout/cycle.ts';
import type { CycleHandlers } from './cycle-handlers.ts';
import { ringRollout } from './ring-rollout.ts';
import { controlBulk } from './stubs.ts';
import { surveySites } from './survey-site.ts';

type Rollout = { readonly state: CycleState; readonly because: readonly string[] };

/** Record after record: the first, and the successors that carry its good patches on from the first ring. */
export async function rollOut(
  input: CycleInput,
  sites: readonly SiteReference[],
  handlers: CycleHandlers,
  first: ChangeRecordSummary,
): Promise<Rollout> {
  const { cycleId } = input;
  const abandon = (because: readonly string[]) => controlBulk.abandonRings({ cycleId, because });
  for (let record = first; ;) {
    const end = await carryOutRecord(input, handlers, record);
    if (end === 'through') return { state: 'finished', because: [`${record.rings.length} rings`] };
    if ('abandoned' in end) return abandon(end.abandoned);
    record = await succeed(input, sites, end.signOff);
    handlers.note(record.because);
    if (record.approvalAsked && !(await handlers.approval(record)))
      return abandon(['the change record was not approved in time']);
  }
}

/**
 * `left`: no ring of it is started any more. `word`: a successor takes its place, as a person or, null, the policy
 * said.
 */
type RecordEnd = 'through' | { readonly abandoned: readonly string[] } | { readonly signOff: SignOff | null };

/** Ring after ring, each only when the one before it has proven the record. */
async function carryOutRecord(
  input: CycleInput,
  handlers: CycleHandlers,
  record: ChangeRecordSummary,
): Promise<RecordEnd> {
  for (const ring of record.rings) {
    const end = await passGate(input, handlers, record, ring);
    if (end !== 'through') return end;
  }
  return 'through';
}

/** Carries out a ring, and does what its gate and people say. */
async function passGate(
  { cycleId, clientId }: CycleInput,
  handlers: CycleHandlers,
  record: ChangeRecordSummary,
  ring: string,
): Promise<RecordEnd> {
  for (let advanced = false; ;) {
    const stopped = await handlers.untilResumed();
    if (stopped) return { abandoned: stopped };
    const result = await handlers.ring(ring, (workflowId) =>
      executeChild(ringRollout, { workflowId, args: [{ cycleId, clientId, ring }], staticSummary: `ring ${ring}` }),
    );
    const abandoned = result.abandoned ?? (await handlers.untilResumed());
    if (abandoned) return { abandoned };
    const { verdict, successor } = result;
    const isLast = ring === record.rings.at(-1);
    if (successor === 'go on') return { signOff: null };
    if (verdict === 'advance' || (verdict === 'hold' && (isLast || advanced))) return 'through';
    // Every endpoint has ended, as skipped or otherwise: there is nothing that a person could continue.
    if (verdict === 'hold' && result.noneRemain && !successor) return 'through';
    if (verdict === 'halt' && successor !== 'ask') return { abandoned: result.because };
    const answer = await handlers.waitAtGate(result, record);
    if (!answer) return { abandoned: result.because };
    if (answer === 'ask again') continue;
    if (answer.input === 'go on') return { signOff: answer.signOff };
    if (verdict === 'hold') return 'through';
    // Its patches at fault were released: endpoints that have not started do now, and the gate is asked again.
    advanced = true;
  }
}

/** Takes the bad patches out, tries the rest by a dry run, and puts it on record. */
async function succeed(
  input: CycleInput,
  sites: readonly SiteReference[],
  signOff: SignOff | null,
): Promise<ChangeRecordSummary> {
  const { cycleId } = input;
  await controlBulk.openSuccessor({ cycleId, signOff, at: new Date().toISOString() });
  await surveySites(input, sites, 'plan', 'rollout');
  return controlBulk.writeSuccessorRecord({ cycleId });
}
