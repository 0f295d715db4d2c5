/** How each kind of operation is begun, taken up again after the agent was gone, and judged by what is observed. */
import { setTimeout as delay } from 'node:timers/promises';
import type { OperationBody, OperationReport } from '../domain/endpoints/operation.ts';
import type { Patch } from '../domain/patch.ts';
import type { LedgerEntry } from './ledger.ts';
import { PackageManagerFailed } from './machine.ts';
import type { Machine, Run } from './machine.ts';

export type OperationEnd = Pick<OperationReport, 'because' | 'packagesAtFault' | 'logTail'> & {
  readonly state: 'succeeded' | 'failed' | 'interrupted';
};

/** Resolves when the operation has ended. Whatever it resolves to after `signal` was aborted is thrown away. */
export type Effect = (machine: Machine, entry: LedgerEntry, signal: AbortSignal) => Promise<OperationEnd>;

const bootPollMilliseconds = 200;

/** Carries out an operation that has just been written into the ledger. */
export const begin: Effect = async (machine, { body, report }, signal) => {
  if (!isRun(body)) return carryOutAgain(machine, body, report.startedAt, signal);
  try {
    await machine.packages.startRun(report.operationId, body);
  } catch (error) {
    return ended('failed', `It could not be started, and nothing was changed: ${messageOf(error)}`);
  }
  return judgeRun(machine, report.operationId, body, signal);
};

/** Settles an operation whose agent went away. Nothing is begun again that may have been done. */
export const resume: Effect = (machine, { body, report }, signal) =>
  isRun(body)
    ? judgeRun(machine, report.operationId, body, signal)
    : carryOutAgain(machine, body, report.startedAt, signal);

/** Whether the package manager carries it out, and tells how far it is. */
export function isRun(body: OperationBody): body is Run {
  return body.kind === 'install' || body.kind === 'repair' || body.kind === 'roll back packages';
}

/** What is harmless to ask for again: each finds out by itself what is left to do. */
function carryOutAgain(
  machine: Machine,
  body: Exclude<OperationBody, Run>,
  startedAt: string,
  signal: AbortSignal,
): Promise<OperationEnd> {
  if (body.kind === 'prefetch') return prefetch(machine, body);
  if (body.kind === 'reboot') return reboot(machine, body.leaveBootId, signal);
  return restartServices(machine, body.services, startedAt);
}

async function prefetch(
  machine: Machine,
  { patches, keepOld = false }: OperationBody & { readonly kind: 'prefetch' },
): Promise<OperationEnd> {
  try {
    await machine.packages.prefetch(patches);
    const lost = keepOld ? await machine.packages.withoutOld(patches) : [];
    if (lost.length > 0) {
      const named = lost.map((patch) => `${patch.package} ${patch.from}`).join(', ');
      return ended('failed', `No archive has ${named} any more, so the packages could not be rolled back.`);
    }
    return ended('succeeded', `Fetched ${count(patches.length, 'package')}.`);
  } catch (error) {
    if (error instanceof PackageManagerFailed) return ended('failed', error.message);
    throw error;
  }
}

async function reboot(machine: Machine, leaveBootId: string, signal: AbortSignal): Promise<OperationEnd> {
  if ((await machine.bootId()) === leaveBootId) {
    try {
      await machine.sync();
      await machine.reboot();
    } catch (error) {
      return ended('failed', `The machine did not accept the reboot: ${messageOf(error)}`);
    }
  }
  while ((await machine.bootId()) === leaveBootId) {
    await delay(bootPollMilliseconds, undefined, { signal });
  }
  return ended('succeeded', `The machine has left boot ${leaveBootId}.`);
}

async function restartServices(machine: Machine, services: readonly string[], sinceAt: string): Promise<OperationEnd> {
  const down = await machine.restartServices(services, sinceAt);
  if (down.length === 0) return ended('succeeded', `Restarted ${count(services.length, 'service')}.`);
  const seen = down.map(({ service, because }) => `${service} (${because})`).join(', ');
  return ended('failed', `Not running after the restart: ${seen}.`);
}

/**
 * Judges a run by what is observed when it has ended, whatever it says itself: it succeeded when every version it was
 * to bring is installed, the package manager's audit is clean, and both have reached the disk.
 */
async function judgeRun(machine: Machine, runId: string, run: Run, signal: AbortSignal): Promise<OperationEnd> {
  const end = await machine.packages.runEnd(runId, signal);
  await machine.sync();
  const [{ logTail }, observed] = await Promise.all([
    machine.packages.runProgress(runId),
    machine.installed(run.patches.map((patch) => patch.package)),
  ]);
  const back = run.kind === 'roll back packages';
  const what = back ? 'earlier version' : 'planned version';
  const wanting = run.patches.flatMap((patch) =>
    describeWanting({ ...patch, wanted: back ? patch.from : patch.to }, observed.installed),
  );
  const clean = observed.audit === '';
  const facts = [
    wanting.length > 0 ? wanting.join(', ') : `All ${count(run.patches.length, what)} installed`,
    clean ? 'the audit is clean' : describeAudit(observed.audit),
  ].join('; ');
  const state = end.ending === 'lost' ? 'interrupted' : wanting.length === 0 && clean ? 'succeeded' : 'failed';
  const because = end.ending === 'finished' && state === 'succeeded' ? `${facts}.` : `${end.because} ${facts}.`;
  return { state, because, packagesAtFault: end.packagesAtFault, logTail };
}

/** `wanted` null: it is not to be there. */
function describeWanting(
  patch: Pick<Patch, 'package' | 'architecture'> & { readonly wanted: string | null },
  installed: readonly { readonly package: string; readonly architecture: string; readonly version: string }[],
): readonly string[] {
  const found = installed.find(
    (each) => each.package === patch.package && each.architecture === patch.architecture,
  )?.version;
  if ((found ?? null) === patch.wanted) return [];
  const seen = found === undefined ? 'not wholly installed' : `at ${found}`;
  return [
    `${patch.package} is ${seen}, ${patch.wanted === null ? 'and was not there before' : `not at ${patch.wanted}`}`,
  ];
}

function ended(state: OperationEnd['state'], because: string): OperationEnd {
  return { state, because, packagesAtFault: [], logTail: '' };
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** dpkg's audit lists packages as ` NAME  what it is` under headings. */
function describeAudit(audit: string): string {
  const names = [...audit.matchAll(/^ (\S+) {2,}/gm)].map(([, name]) => name);
  return names.length > 0
    ? `the audit names ${names.join(', ')}`
    : `the audit says: ${audit.split('\n', 1)[0]!.trim()}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
