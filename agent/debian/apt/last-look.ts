/**
 * The last look before dpkg is started: apt tells a hook of its own (`DPkg::Pre-Install-Pkgs`) what it is about to do,
 * and does none of it when the hook says no. So the plan that is judged is the one that would be carried out, and no
 * dry run of its own is needed.
 */
import { readFile, rm } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { writeWhole } from '../../../system/whole-files.ts';
import type { Run } from '../../machine.ts';
import { runSchema, readJsonFile, runFiles } from './run-files.ts';
import type { RunFiles } from './run-files.ts';

type Install = Extract<Run, { kind: 'install' }>;

const verdictSchema = z.strictObject({ refusedBecause: z.string().nullable() });

/** What tells apt-get to ask `program` before it starts dpkg. Its options go by the first word, so that stands alone. */
export function askingBefore(program: readonly string[], folder: string): readonly string[] {
  const [first = ''] = program;
  const command = [...program, 'look', folder].map(quoted).join(' ');
  return [`-oDPkg::Pre-Install-Pkgs::=${command}`, `-oDPkg::Tools::Options::${first}::Version=3`];
}

/** apt has a shell run its hooks. What needs no quotes has none, because apt knows the hook by its first word. */
function quoted(word: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The hook: reads what apt is about to do from standard input. Returns the exit code; anything but 0 stops apt. */
export async function lookBeforeInstall(folder: string): Promise<number> {
  const files = runFiles(folder);
  const request = await readJsonFile(files.request, runSchema);
  if (request?.kind !== 'install') return 1;
  const refusedBecause = objectionTo(await text(process.stdin), request);
  await writeWhole(files.verdict, JSON.stringify({ refusedBecause }));
  return refusedBecause === null ? 0 : 1;
}

/** Forgets the verdict on an earlier transaction. */
export async function forgetVerdict(files: RunFiles): Promise<void> {
  await rm(files.verdict, { force: true });
}

/** What the hook said; null when apt-get never came so far, and nothing was changed. */
export async function verdictIn(files: RunFiles): Promise<{ readonly refusedBecause: string | null } | null> {
  const there = await readFile(files.verdict, 'utf8').catch(() => null);
  return there === null ? null : ((await readJsonFile(files.verdict, verdictSchema)) ?? { refusedBecause: null });
}

/** Why what apt is about to do must not be done; null when it is the plan and nothing else. Unknown words are refused. */
export function objectionTo(hookInput: string, request: Pick<Install, 'patches' | 'allowRemove'>): string | null {
  const acts = parseActs(hookInput);
  if (acts === null) return 'what the package manager is about to do cannot be read';
  const removes = acts.filter(({ act, name }) => act === 'remove' && !request.allowRemove.includes(name));
  if (removes.length > 0) return `the package manager would remove ${namesOf(removes)}, which the plan does not allow`;
  const installs = acts.filter(({ act }) => act === 'install');
  const downgrades = installs.filter(({ older }) => older);
  if (downgrades.length > 0) return `the package manager would downgrade ${namesOf(downgrades)}`;
  const beyond = installs.filter(
    ({ name, version, architecture }) =>
      !request.patches.some(
        (patch) => patch.package === name && patch.to === version && patch.architecture === architecture,
      ),
  );
  if (beyond.length === 0) return null;
  const named = beyond.map(({ name, version }) => `${name} ${version}`).join(', ');
  return `the package manager would also install ${named}, which is not in the plan`;
}

type Act = {
  readonly name: string;
  readonly act: 'install' | 'configure' | 'remove';
  readonly version: string;
  readonly architecture: string;
  /** What would be installed is older than what is. */
  readonly older: boolean;
};

/**
 * Version 3 of the protocol (apt.conf(5), `DPkg::Tools::Options`): its number, apt's configuration, an empty line, and
 * a line for each act: name, version, architecture and multi-arch now, a sign, the same three afterwards, and a file or
 * `**CONFIGURE**` or `**REMOVE**`. Null when it is anything else.
 */
export function parseActs(hookInput: string): readonly Act[] | null {
  const start = hookInput.indexOf('\n\n');
  if (!hookInput.startsWith('VERSION 3\n') || start < 0) return null;
  const acts = hookInput
    .slice(start + 2)
    .split('\n')
    .filter((line) => line !== '')
    .map(parseAct);
  return acts.every((act) => act !== null) ? acts : null;
}

function parseAct(line: string): Act | null {
  const words = /^(\S+) \S+ \S+ \S+ ([<=>]) (\S+) (\S+) \S+ (\/.*|\*\*CONFIGURE\*\*|\*\*REMOVE\*\*)$/.exec(line);
  const [, name, sign, version, architecture, what] = words ?? [];
  if (name === undefined || version === undefined || architecture === undefined) return null;
  const act = what === '**REMOVE**' ? 'remove' : what === '**CONFIGURE**' ? 'configure' : 'install';
  return { name, act, version, architecture, older: sign === '>' };
}

function namesOf(acts: readonly Act[]): string {
  return [...new Set(acts.map(({ name }) => name))].join(', ');
}
