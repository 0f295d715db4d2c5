/** What a workflow was told and what it asked for, as far as it is on record: enough to bring it back to memory. */
import type { ActivationJob } from './jobs.ts';
import { inCoresOrder } from './jobs.ts';
import type { ActivationFrame, Instance, WorkflowCommand } from './sandbox.ts';

export type Activation = {
  readonly jobs: readonly ActivationJob[];
  readonly frame: ActivationFrame;
  readonly commands: readonly WorkflowCommand[];
};

/** The workflow asked for something else than it is recorded to have asked for. */
export class Nondeterminism extends Error {
  override readonly name = 'Nondeterminism';
}

export class History {
  private readonly activations: Activation[] = [];

  get length(): number {
    return this.activations.length;
  }

  /** Adds the activations of one workflow task that is on record. */
  add(task: readonly Activation[]): void {
    const patches = task.flatMap(({ commands }) =>
      commands.flatMap(({ setPatchMarker }) => (setPatchMarker?.patchId ? [setPatchMarker.patchId] : [])),
    );
    for (const [index, activation] of task.entries()) {
      const kept = asRecorded(activation);
      // Core looks ahead: patches of a task are known from its first activation on.
      const known = index === 0 ? patches.map((patchId) => notifyHasPatch(patchId)) : [];
      if (kept) this.activations.push({ ...kept, jobs: inCoresOrder([...known, ...kept.jobs]) });
    }
  }

  /** Local activities that were begun and whose answers are not on record. */
  unansweredLocals(): readonly WorkflowCommand[] {
    const begun = new Map<number, WorkflowCommand>();
    for (const { jobs, commands } of this.activations) {
      for (const job of jobs) if (job.variant === 'resolveActivity') begun.delete(job.resolveActivity.seq ?? 0);
      for (const command of commands)
        if (command.scheduleLocalActivity) begun.set(command.scheduleLocalActivity.seq ?? 0, command);
    }
    return [...begun.values()];
  }

  /** @throws Nondeterminism when the workflow does not ask for the same again */
  replay(instance: Instance): void {
    for (const [index, { jobs, frame, commands }] of this.activations.entries()) {
      const now = instance.step([...jobs], frame, true);
      const difference = differenceOf(commands, now, 'commands');
      if (difference) throw new Nondeterminism(`activation ${index + 1} of ${this.length}: ${difference}`);
    }
  }
}

function notifyHasPatch(patchId: string): ActivationJob {
  return { variant: 'notifyHasPatch', notifyHasPatch: { patchId } };
}

/** Refused updates are not on record, and validators are not asked again. Null when nothing is left of the activation. */
function asRecorded({ jobs, frame, commands }: Activation): Activation | null {
  if (!jobs.some((job) => job.variant === 'doUpdate')) return { jobs, frame, commands };
  const accepted = new Set<string>();
  for (const { updateResponse } of commands)
    if (updateResponse?.accepted) accepted.add(updateResponse.protocolInstanceId ?? '');
  const refused = new Set<string>();
  const kept: ActivationJob[] = [];
  for (const job of jobs) {
    if (job.variant !== 'doUpdate') kept.push(job);
    else if (accepted.has(job.doUpdate.protocolInstanceId ?? ''))
      kept.push({ variant: 'doUpdate', doUpdate: { ...job.doUpdate, runValidator: false } });
    else refused.add(job.doUpdate.protocolInstanceId ?? '');
  }
  const asked = commands.filter(
    ({ updateResponse }) => !updateResponse || !refused.has(updateResponse.protocolInstanceId ?? ''),
  );
  return kept.length + asked.length === 0 ? null : { jobs: kept, frame, commands: asked };
}

/** Where two values first differ, in words; null when they are the same. Stack traces differ by where code was entered. */
export function differenceOf(before: unknown, now: unknown, place: string): string | null {
  if (before === now) return null;
  if (typeof before !== 'object' || typeof now !== 'object' || before === null || now === null)
    return (before ?? undefined) === (now ?? undefined)
      ? null
      : `${place} was ${inWords(before)} and is ${inWords(now)}`;
  if (ArrayBuffer.isView(before) && ArrayBuffer.isView(now))
    return sameBytes(before as Uint8Array, now as Uint8Array)
      ? null
      : `${place} was ${asText(before as Uint8Array)} and is ${asText(now as Uint8Array)}`;
  const old = before as Record<string, unknown>;
  const fresh = now as Record<string, unknown>;
  for (const key of new Set([...Object.keys(old), ...Object.keys(fresh)])) {
    if (key === 'stackTrace') continue;
    const difference = differenceOf(old[key], fresh[key], `${place}.${key}`);
    if (difference) return difference;
  }
  return null;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8').slice(0, 200);
}

function inWords(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'object')
    return Object.keys(value)
      .filter((key) => key !== 'eventGroupMarkers')
      .join(', ');
  return JSON.stringify(value);
}
