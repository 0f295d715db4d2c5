/** What is true of a lab's endpoint, seen by its own programs and in its own files: nothing of the product is asked. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerEntry } from '../../../agent/ledger.ts';
import { run } from '../../../activities/adapters/command.ts';
import { endpointRoot, layoutOf } from '../../../fleets/lab/layout.ts';
import { commandInMachine, endpointMachine } from '../../../fleets/lab/machine.ts';
import { webPort } from './planted-packages.ts';

/** What is kept of a machine in a folder: its own root, or what was copied out of a failed one. */
export type KeptState = {
  /** Each upgrade that dpkg.log names, as `PACKAGE FROM TO`, in order. */
  upgrades(): readonly string[];
  dpkgLog(): string;
  /** How often the whole machine was rolled back, plus one. */
  generation(): number;
  /** What its agent was asked to do, and what became of it. */
  ledger(): readonly LedgerEntry[];
};

export type LabEndpoint = KeptState & {
  readonly name: string;
  /** Runs a program inside, as root. Throws when it does not end with 0. */
  inside(...argv: readonly string[]): Promise<string>;
  /** The wholly installed version by dpkg's database; undefined where there is none. */
  version(name: string): Promise<string | undefined>;
  bootId(): Promise<string>;
  /** What the planted web service answers. */
  webAnswer(): Promise<string>;
  /** Folders of its snapshots; those with a dot are being taken. */
  snapshots(): readonly string[];
  /** Whether somebody is just putting it back. */
  isBeingRestored(): boolean;
  failedStates(): readonly KeptState[];
};

export function labEndpoint(directory: string, name: string): LabEndpoint {
  const lab = layoutOf(directory);
  const inside = (...argv: readonly string[]) => run([...commandInMachine(endpointMachine(directory, name)), ...argv]);
  const [evidence, restores] = [join(lab.evidence, name), join(lab.restores, name)];
  return {
    name,
    ...keptIn(endpointRoot(lab, name)),
    inside,
    async version(packageName) {
      const shown = await inside('dpkg-query', '--show', '--showformat=${Package} ${db:Status-Abbrev} ${Version}\n');
      return shown
        .split('\n')
        .map((line) => line.split(/ +/))
        .find(([each, status]) => each === packageName && status === 'ii')?.[2];
    },
    bootId: async () => (await inside('cat', '/proc/sys/kernel/random/boot_id')).trim(),
    webAnswer: () => inside('curl', '--silent', '--show-error', '--max-time', '5', `http://127.0.0.1:${webPort}/`),
    snapshots: () => namesIn(join(lab.snapshots, name)),
    isBeingRestored: () =>
      // Beside the marks lie those that are just being written, and are gone a moment later.
      namesIn(restores).some((mark) => mark.endsWith('.json') && text(join(restores, mark)).includes('"done":false')),
    failedStates: () => namesIn(evidence).map((folder) => keptIn(join(evidence, folder))),
  };
}

function keptIn(root: string): KeptState {
  const dpkgLog = () => text(join(root, 'var/log/dpkg.log'));
  return {
    dpkgLog,
    upgrades: () =>
      [...dpkgLog().matchAll(/ upgrade (\S+?):\S+ (\S+) (\S+)$/gm)].map((line) => line.slice(1).join(' ')),
    generation: () => Number(text(join(root, 'var/lib/patchcycle/generation'))),
    ledger: () =>
      namesIn(join(root, 'var/lib/patchcycle/ledger'))
        .filter((file) => /^[0-9a-f]{64}\.json$/.test(file))
        .map((file) => JSON.parse(text(join(root, `var/lib/patchcycle/ledger/${file}`))) as LedgerEntry),
  };
}

function text(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
