/** The rollout of a cycle: its change record ring by ring, and the records that follow it. */
import { executeChild } from '@temporalio/workflow';
import type { ChangeRecordSummary, CycleOrder, CycleState, PersonsWord, SiteReference } from '../domain/cycle.ts';
import type { Desk } from './desk.ts';
import { ringRollout } from './ring-rollout.ts';
import { bookkeeping } from './stubs.ts';
import { surveySites } from './survey-site.ts';

type Rollout = { readonly state: CycleState; readonly because: readonly string[] };

/** Record after record: the first, and the successors that carry its good patches on from the first ring. */
export async function rollOut(
  order: CycleOrder,
  sites: readonly SiteReference[],
  desk: Desk,
  first: ChangeRecordSummary,
): Promise<Rollout> {
  const { cycleId } = order;
  const leave = (because: readonly string[]) => bookkeeping.leaveRings({ cycleId, because });
  for (let record = first; ;) {
    const end = await carryOutRecord(order, desk, record);
    if (end === 'through') return { state: 'finished', because: [`${record.rings.length} rings`] };
    if ('left' in end) return leave(end.left);
    record = await succeed(order, sites, end.word);
    desk.note(record.because);
    if (record.approvalAsked && !(await desk.approval(record)))
      return leave(['nobody approved the change record in time']);
  }
}

/** `left`: no ring of it is started any more. `word`: a successor takes its place, as a person or, null, the policy said. */
type RecordEnd = 'through' | { readonly left: readonly string[] } | { readonly word: PersonsWord | null };

/** Ring after ring, each only when the one before it has proven the record. */
async function carryOutRecord(order: CycleOrder, desk: Desk, record: ChangeRecordSummary): Promise<RecordEnd> {
  for (const ring of record.rings) {
    const end = await passGate(order, desk, record, ring);
    if (end !== 'through') return end;
  }
  return 'through';
}

/** Carries out a ring, and does what its gate and people say. */
async function passGate(
  { cycleId, clientId }: CycleOrder,
  desk: Desk,
  record: ChangeRecordSummary,
  ring: string,
): Promise<RecordEnd> {
  for (let advanced = false; ;) {
    const stopped = await desk.untilResumed();
    if (stopped) return { left: stopped };
    const result = await desk.ring(ring, (workflowId) =>
      executeChild(ringRollout, { workflowId, args: [{ cycleId, clientId, ring }], staticSummary: `ring ${ring}` }),
    );
    const abandoned = result.abandoned ?? (await desk.untilResumed());
    if (abandoned) return { left: abandoned };
    const { verdict, successor } = result;
    const isLast = ring === record.rings.at(-1);
    if (successor === 'go on') return { word: null };
    if (verdict === 'advance' || (verdict === 'hold' && (isLast || advanced))) return 'through';
    // Everybody has ended, as skipped or otherwise: no person could let anybody go on.
    if (verdict === 'hold' && result.nobodyLeft && !successor) return 'through';
    if (verdict === 'halt' && successor !== 'ask') return { left: result.because };
    const told = await desk.atGate(result, record);
    if (!told) return { left: result.because };
    if (told === 'ask again') continue;
    if (told.order === 'go on') return { word: told.word };
    if (verdict === 'hold') return 'through';
    // Its patches at fault were released: who has not started does, and the gate is asked again.
    advanced = true;
  }
}

/** Takes the bad patches out, tries the rest by a dry run, and puts it on record. */
async function succeed(
  order: CycleOrder,
  sites: readonly SiteReference[],
  word: PersonsWord | null,
): Promise<ChangeRecordSummary> {
  const { cycleId } = order;
  await bookkeeping.openSuccessor({ cycleId, word, at: new Date().toISOString() });
  await surveySites(order, sites, 'plan', 'rollout');
  return bookkeeping.writeSuccessorRecord({ cycleId });
}
