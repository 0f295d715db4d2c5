/**
 * Installs and repairs, each in a transient systemd unit of its own: neither the agent's death nor its own upgrade
 * ends them half-way, a hang ends at the limit with no process and no lock left, and the result can be read afterwards.
 * The unit runs this same program again (`run FOLDER`), which calls apt-get and dpkg.
 */
import { existsSync, watch } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolderDurably, writeWhole } from '../../../system/whole-files.ts';
import type { PackageBackEnd, Run, RunEnd } from '../../machine.ts';
import { firstLine, lines } from '../dpkg.ts';
import { environment, run as runProgram } from '../program.ts';
import { describeDoing, packageInWork, readTail } from './output.ts';
import { reportedEndSchema, readJsonFile, resultSchema, runFiles } from './run-files.ts';
import type { RunFiles } from './run-files.ts';

/** What a unit is given after its limit, or an order to stop, until it is killed. */
const stopSeconds = 20;
const logTailBytes = 4096;
/** How often a unit is looked at whose result does not come: it may have been cut off. */
const lookMilliseconds = 2000;

/** The part of a back end that starts runs and tells of them. */
export type Runs = Pick<PackageBackEnd, 'startRun' | 'runEnd' | 'runProgress'>;

/** `program` is how this agent is started: its file and what comes before its own arguments. */
export function systemdRuns(stateDirectory: string, program: readonly string[]): Runs {
  const filesOf = (runId: string) => runFiles(join(stateDirectory, 'runs', runId));
  return {
    startRun: async (runId, run) => {
      const files = filesOf(runId);
      await makeFolderDurably(join(stateDirectory, 'runs'));
      await mkdir(files.folder, { mode: 0o700 });
      await writeWhole(files.request, JSON.stringify(run));
      await startUnit(runId, run, files, program);
    },
    runEnd: (runId, signal) => untilEnded(unitOf(runId), filesOf(runId), signal),
    runProgress: async (runId) => {
      const files = filesOf(runId);
      if (!existsSync(files.folder)) return { doing: '', logTail: '' };
      const logTail = await readTail(files.output, logTailBytes);
      return { doing: describeDoing(logTail), logTail };
    },
  };
}

const unitOf = (runId: string) => `patchcycle-${runId}.service`;

async function startUnit(runId: string, run: Run, files: RunFiles, program: readonly string[]): Promise<void> {
  const properties = [
    // `oneshot` would ignore the limit, and `RemainAfterExit` would suppress the stop command.
    'Type=exec',
    `RuntimeMaxSec=${run.limitMinutes * 60}`,
    `TimeoutStopSec=${stopSeconds}`,
    'StandardInput=null',
    `StandardOutput=append:${files.output}`,
    `StandardError=append:${files.output}`,
    `ExecStopPost=${[...program, 'record', files.folder].map(quote).join(' ')}`,
  ];
  const args = [
    `--unit=${unitOf(runId)}`,
    `--description=Patchcycle: ${run.kind}`,
    '--collect',
    '--quiet',
    ...properties.map((property) => `--property=${property}`),
    ...Object.entries(environment).map(([name, value]) => `--setenv=${name}=${value}`),
    '--',
    ...program,
    'run',
    files.folder,
  ];
  const first = await runProgram('systemd-run', args);
  if (first.code === 0 || existsSync(files.begun)) return;
  // The bus may be away for a moment while systemd or dbus is upgraded. The run itself begins at most once.
  const second = await runProgram('systemd-run', args);
  if (second.code === 0 || existsSync(files.begun) || (await mayGoOn(unitOf(runId)))) return;
  throw new Error(`systemd-run failed: ${firstLine(first.stderr)}`);
}

/** As systemd.service(5) reads a command line: `%` and `$` are its own signs. */
function quote(argument: string): string {
  return `"${argument.replace(/["\\]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}

async function untilEnded(unit: string, files: RunFiles, signal: AbortSignal): Promise<RunEnd> {
  for (;;) {
    signal.throwIfAborted();
    const goesOn = await mayGoOn(unit);
    const end = await readEnd(files);
    if (end) return end;
    if (!goesOn) return { ending: 'lost', because: 'It was cut off and left no result.', packagesAtFault: [] };
    await resultOrWhile(files, signal);
  }
}

/** What cannot be asked may well go on. */
async function mayGoOn(unit: string): Promise<boolean> {
  const ran = await runProgram('systemctl', ['show', '--property=ActiveState', '--value', '--', unit]);
  const state = lines(ran.stdout)[0];
  return ran.code !== 0 || state === undefined || !['inactive', 'failed'].includes(state);
}

/** Until the result is there, or it is time to look whether the unit still is. */
function resultOrWhile(files: RunFiles, signal: AbortSignal): Promise<void> {
  const there = new AbortController();
  const waiting = AbortSignal.any([signal, AbortSignal.timeout(lookMilliseconds), there.signal]);
  return new Promise((resolve) => {
    waiting.addEventListener('abort', () => resolve(), { once: true });
    watchFor(files.result, waiting, () => there.abort());
    if (existsSync(files.result)) there.abort();
  });
}

/** Where the kernel can watch no more, the time-out alone remains. */
function watchFor(path: string, signal: AbortSignal, appeared: () => void): void {
  const see = (_event: string, name: string | null) => {
    if (name === basename(path)) appeared();
  };
  try {
    watch(dirname(path), { signal }, see).on('error', () => undefined);
  } catch {
    return;
  }
}

async function readEnd(files: RunFiles): Promise<RunEnd | null> {
  const result = await readJsonFile(files.result, resultSchema);
  if (!result) return null;
  const account = await readJsonFile(files.account, reportedEndSchema);
  if (account) return account;
  const inWork = packageInWork(await readTail(files.output, 64 * 1024));
  const atFault = inWork === null ? [] : [inWork];
  const where = inWork === null ? '' : ` while it worked on ${inWork}`;
  if (result.serviceResult === 'timeout') {
    return {
      ending: 'hit its limit',
      because: `It did not end within its limit and was ended${where}.`,
      packagesAtFault: atFault,
    };
  }
  const how = `${result.serviceResult}, ${result.exitCode} ${result.exitStatus}`;
  return { ending: 'failed', because: `It was ended from outside (${how})${where}.`, packagesAtFault: [] };
}
