/**
 * The package manager at work: a run is a unit of the machine, not of the agent. Every step is on the disk when it
 * begins and when it is complete, so that a run goes on where it was when the process is started again.
 */
import { existsSync } from 'node:fs';
import type { RunEnd } from '../../agent/machine.ts';
import type { Faults } from './archive.ts';
import type { MachineDisk } from './disk.ts';
import type { Action, Installed, RunState } from './machine-state.ts';
import { alternativesOf } from './relation.ts';
import { rollbackActions } from './run-plan.ts';
import { isNamed, startService } from './services.ts';

const keptLogCharacters = 4000;
const hangShare = 0.3;

export type RunHooks = {
  /** The power fails; nothing after this reaches the disk. */
  readonly losePower: (until: 'briefly' | 'for good') => void;
  readonly silenceAgent: () => void;
};

export class RunEngine {
  readonly #disk: MachineDisk;
  readonly #hooks: RunHooks;
  readonly #waiting = new Map<string, ((end: RunEnd) => void)[]>();
  #timer: NodeJS.Timeout | undefined;

  constructor(disk: MachineDisk, hooks: RunHooks) {
    this.#disk = disk;
    this.#hooks = hooks;
  }

  /** Goes on with the run of this boot that has not ended, if there is one. */
  resume(): void {
    const running = this.running();
    if (running !== undefined) this.#wait(running[0], running[1]);
  }

  /** The run that is on. Runs of earlier boots are over, whether they left a result or not. */
  running(): [string, RunState] | undefined {
    const { runs, bootId } = this.#disk.state;
    return Object.entries(runs).find(([, run]) => run.bootId === bootId && run.end === null);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  begin(runId: string, run: RunState): void {
    this.#disk.state.runs[runId] = run;
    this.#disk.save();
    if (run.end === null) this.#next(runId, run);
  }

  /** Resolves when the run has ended; at once when it has, is unknown, or was cut short by the end of its boot. */
  async end(runId: string, signal: AbortSignal): Promise<RunEnd> {
    signal.throwIfAborted();
    const { runs, bootId } = this.#disk.state;
    const run = runs[runId];
    if (run === undefined) return lost('The package manager was never started for this.');
    if (run.end !== null) return run.end;
    if (run.bootId !== bootId) return lost('The machine went down before the package manager had ended.');
    return new Promise((resolve, reject) => {
      this.#waiting.set(runId, [...(this.#waiting.get(runId) ?? []), resolve]);
      signal.addEventListener('abort', () => reject(new Error('The run is not waited for any longer.')), {
        once: true,
      });
    });
  }

  #wait(runId: string, run: RunState): void {
    const { pace } = this.#disk.state;
    const left = Date.parse(run.limitAt) - Date.now();
    const hangs = run.begun && this.#faultsOf(run.actions[run.done]).hangs === true;
    // A repair gives a step that hangs a part of its limit, so that there is time left for the rollback.
    const hangMilliseconds = run.kind === 'repair' ? left * hangShare : left;
    const milliseconds = hangs ? hangMilliseconds : pace.packageMilliseconds / 2;
    this.#timer = setTimeout(() => this.#next(runId, run), Math.max(0, Math.min(left, milliseconds)));
  }

  #next(runId: string, run: RunState): void {
    if (!this.#disk.isOpen) return;
    const action = run.actions[run.done];
    const hangsForEver = run.kind === 'install' && run.begun && this.#faultsOf(action).hangs === true;
    if (hangsForEver || Date.now() >= Date.parse(run.limitAt)) return this.#hitLimit(runId, run, action);
    if (action === undefined) return this.#endOfActions(runId, run);
    if (!run.begun) {
      this.#beginAction(run, action);
      this.#disk.save();
      return this.#wait(runId, run);
    }
    if (this.#losesPower(action)) return;
    if (existsSync(this.#faultsOf(action).heldBy ?? '')) return this.#wait(runId, run);
    this.#completeAction(run, action);
    this.#disk.save();
    this.#next(runId, run);
  }

  #hitLimit(runId: string, run: RunState, action: Action | undefined): void {
    const where = action === undefined ? '' : ` while it worked on ${action.package}`;
    if (action !== undefined) run.packagesAtFault.push(action.package);
    this.#finish(runId, run, 'hit its limit', `It did not end within its limit and was ended${where}.`);
  }

  #endOfActions(runId: string, run: RunState): void {
    if (run.kind === 'install') {
      if (run.packagesAtFault.length === 0) return this.#finish(runId, run, 'finished', 'apt-get has finished.');
      return this.#finish(runId, run, 'failed', `apt-get ended with 100 over ${run.packagesAtFault.join(', ')}.`);
    }
    if (run.kind === 'roll back packages') return this.#endOfRollback(runId, run);
    if (run.wentBack) {
      return this.#finish(runId, run, 'failed', 'It could not be repaired, so its packages were rolled back.');
    }
    if (this.#isRepaired(run)) return this.#finish(runId, run, 'finished', 'The package manager was repaired.');
    const back = rollbackActions(this.#disk.state, this.#disk.archive(), run.patches);
    if (back.length === 0) {
      return this.#finish(runId, run, 'failed', 'It could not be repaired, and no old packages were kept.');
    }
    run.actions.push(...back);
    run.wentBack = true;
    this.#next(runId, run);
  }

  #endOfRollback(runId: string, run: RunState): void {
    const { state } = this.#disk;
    const left = run.patches.filter((patch) => {
      const installed = state.packages.find((each) => each.package === patch.package);
      return (installed?.version ?? null) !== patch.from || (installed && installed.status !== 'installed');
    });
    if (left.length > 0) {
      const names = left.map((patch) => patch.package).join(', ');
      return this.#finish(runId, run, 'failed', `These are not as they were: ${names}.`);
    }
    state.heldPackages = [...new Set([...state.heldPackages, ...run.hold])];
    this.#finish(runId, run, 'finished', 'The packages were rolled back.');
  }

  #isRepaired(run: RunState): boolean {
    const { packages } = this.#disk.state;
    const isAtPlan = run.patches.every((patch) =>
      packages.some((installed) => installed.package === patch.package && installed.version === patch.to),
    );
    return isAtPlan && packages.every((installed) => installed.status === 'installed');
  }

  #finish(runId: string, run: RunState, ending: 'finished' | 'failed' | 'hit its limit', because: string): void {
    const end = { ending, because, packagesAtFault: [...new Set(run.packagesAtFault)] };
    run.end = end;
    this.#disk.save();
    for (const resolve of this.#waiting.get(runId) ?? []) resolve(end);
    this.#waiting.delete(runId);
  }

  #beginAction(run: RunState, action: Action): void {
    run.begun = true;
    const named = `${action.package}:${action.architecture}`;
    if (action.step === 'unpack') {
      const verb = action.from === null ? 'install' : 'upgrade';
      this.#disk.log(`${verb} ${named} ${action.from ?? '<none>'} ${action.to}`);
      this.#setStatus(action, action.from ?? action.to, 'half-installed');
      this.#say(run, `Unpacking ${named} (${action.to})${action.from === null ? '' : ` over (${action.from})`} ...`);
    } else if (action.step === 'configure') {
      if (this.#waitsForAnother(run, action)) return;
      this.#disk.log(`configure ${named} ${action.to} <none>`);
      this.#setStatus(action, action.to, 'half-configured');
      this.#say(run, `Setting up ${named} (${action.to}) ...`);
    } else {
      this.#disk.log(`remove ${named} ${action.to} <none>`);
      this.#say(run, `Removing ${named} (${action.to}) ...`);
    }
  }

  #completeAction(run: RunState, action: Action): void {
    run.begun = false;
    run.done += 1;
    if (action.step === 'unpack') return this.#setStatus(action, action.to, 'unpacked');
    if (action.step === 'remove') return this.#remove(action);
    if (this.#waitsForAnother(run, action)) {
      return this.#say(run, `dpkg: dependency problems prevent configuration of ${action.package}`);
    }
    const { failsConfigure, hangs } = this.#faultsOf(action);
    if (failsConfigure === true || hangs === true) {
      run.packagesAtFault.push(action.package);
      return this.#say(run, `dpkg: error processing package ${action.package} (--configure): exit status 1`);
    }
    this.#setStatus(action, action.to, 'installed');
    this.#settleIn(action);
  }

  /** What a package's own scripts do at the end: restart its service, ask for a reboot. */
  #settleIn(action: Action): void {
    const { state } = this.#disk;
    const archive = this.#disk.archive();
    const faults = this.#faultsOf(action);
    for (const service of state.services) {
      const isOwn = service.package === action.package && !service.needsBoot;
      if (isOwn || isNamed(service, faults.breaksService ?? '')) startService(state, archive, service);
    }
    if (archive.find(action.package, action.to)?.asksForReboot) state.rebootAskedBy.push(action.package);
    if (faults.silencesAgent) this.#hooks.silenceAgent();
  }

  /** The power fails once for a version, in the middle of its configure step. */
  #losesPower(action: Action): boolean {
    const until = action.step === 'configure' ? this.#faultsOf(action).losesPower : undefined;
    const name = `${action.package} ${action.to}`;
    if (until === undefined || this.#disk.state.powerLostTo.includes(name)) return false;
    this.#disk.state.powerLostTo.push(name);
    this.#disk.save();
    this.#hooks.losePower(until);
    return true;
  }

  /** dpkg leaves a package unconfigured when one it depends on could not be configured before it. */
  #waitsForAnother(run: RunState, action: Action): boolean {
    const depends = this.#disk.archive().find(action.package, action.to)?.depends ?? [];
    const names = depends.flatMap(alternativesOf).map((relation) => relation.package);
    const passed = run.actions.slice(0, run.done).filter((each) => each.step === 'configure');
    return this.#disk.state.packages.some(
      ({ package: name, status }) =>
        status !== 'installed' && names.includes(name) && passed.some((each) => each.package === name),
    );
  }

  #faultsOf(action: Action | undefined): Faults {
    if (action?.step !== 'configure') return {};
    return this.#disk.archive().find(action.package, action.to)?.faults ?? {};
  }

  #setStatus(action: Action, version: string, status: Installed['status']): void {
    const { state } = this.#disk;
    this.#disk.log(`status ${status} ${action.package}:${action.architecture} ${version}`);
    const installed = state.packages.find((each) => each.package === action.package);
    const origin = this.#disk.archive().find(action.package, version)?.origin ?? installed?.origin ?? 'unknown';
    if (installed === undefined) {
      state.packages.push({ package: action.package, architecture: action.architecture, version, origin, status });
    } else {
      Object.assign(installed, { version, origin, status });
    }
  }

  #remove(action: Action): void {
    const { state } = this.#disk;
    this.#disk.log(`status not-installed ${action.package}:${action.architecture} <none>`);
    state.packages = state.packages.filter((installed) => installed.package !== action.package);
    state.services = state.services.filter((service) => service.package !== action.package);
  }

  #say(run: RunState, line: string): void {
    run.log = `${run.log}${line}\n`.slice(-keptLogCharacters);
  }
}

function lost(because: string): RunEnd {
  return { ending: 'lost', because, packagesAtFault: [] };
}
