/** A simulated Debian machine, for as long as one boot lasts: what the agent program needs of a machine. */
import type { Machine, MachineFacts, Observation } from '../../agent/machine.ts';
import { describeCheck } from '../../domain/endpoints/check.ts';
import type { Check, CheckResult } from '../../domain/endpoints/check.ts';
import type { PendingReboot, ServiceState } from '../../domain/endpoints/endpoint.ts';
import { MachineDisk } from './disk.ts';
import { brokenDependencies } from './dry-run.ts';
import type { MachineFiles } from './layout.ts';
import { init } from './machine-state.ts';
import type { Installed, MachineFaults, MachineState } from './machine-state.ts';
import { SimulatedPackages } from './package-back-end.ts';
import { RunEngine } from './run-engine.ts';
import type { RunHooks } from './run-engine.ts';
import { findService, rebootReasons, staleServices, startService, unitOf } from './services.ts';

export type MachineHooks = RunHooks & {
  /** A reboot was asked for from inside. */
  readonly reboot: () => void;
};

export class SimulatedMachine implements Machine {
  readonly packages: SimulatedPackages;
  readonly #disk: MachineDisk;
  readonly #engine: RunEngine;
  readonly #hooks: MachineHooks;

  constructor(files: MachineFiles, hooks: MachineHooks) {
    this.#disk = new MachineDisk(files);
    this.#engine = new RunEngine(this.#disk, hooks);
    this.#hooks = hooks;
    this.packages = new SimulatedPackages(this.#disk, this.#engine);
  }

  /** Everything that is on the disk, as it is now. */
  get state(): MachineState {
    return this.#disk.state;
  }

  /** Whether this machine comes up at all. */
  get boots(): boolean {
    return !this.state.faults.doesNotBoot && !this.#installedFault('doesNotBoot');
  }

  /** Whether the agent is kept from running. */
  get agentIsSilenced(): boolean {
    return this.state.faults.silencesAgent || this.#installedFault('silencesAgent');
  }

  /** A new boot: every service is started on what is installed. */
  boot(bootId: string): void {
    const archive = this.#disk.archive();
    this.state.bootId = bootId;
    this.state.rebootAskedBy = [];
    for (const service of this.state.services) startService(this.state, archive, service);
    this.#disk.save();
  }

  /** The same boot goes on in a new process, with what the package manager was doing. */
  resume(): void {
    this.#engine.resume();
  }

  /** The end of this boot, by a reboot or by the plug: nothing that still runs reaches the disk. */
  halt(): void {
    this.#engine.stop();
    this.#disk.close();
  }

  setFaults(faults: Partial<MachineFaults>): void {
    Object.assign(this.state.faults, faults);
    this.#disk.save();
  }

  async facts(): Promise<MachineFacts> {
    const { state } = this;
    const installed = state.packages.filter((each) => each.status === 'installed');
    return {
      hostname: state.hostname,
      machineId: state.machineId,
      bootId: state.bootId,
      os: state.os,
      kernel: state.kernel,
      hardware: state.hardware,
      packages: installed.map(named),
      heldPackages: state.heldPackages,
      applications: installed.filter((each) => !each.origin.startsWith('Debian')).map(named),
      services: servicesOf(state),
      pendingReboot: pendingReboot(state),
      otherUpdaters: state.otherUpdaters,
    };
  }

  async bootId(): Promise<string> {
    return this.state.bootId;
  }

  async pendingReboot(): Promise<PendingReboot> {
    return pendingReboot(this.state);
  }

  async installed(packages: readonly string[]): Promise<Pick<Observation, 'installed' | 'audit'>> {
    const { installed, audit } = await this.observe(packages);
    return { installed, audit };
  }

  async observe(packages: readonly string[]): Promise<Observation> {
    const { state } = this;
    const asked = new Set(packages);
    return {
      bootId: state.bootId,
      installed: state.packages
        .filter((installed) => asked.has(installed.package) && installed.status === 'installed')
        .map(named),
      audit: auditOf(state.packages),
      dependencyProblems: brokenDependencies(state, this.#disk.archive()),
      alteredFiles: state.packages
        .filter((installed) => installed.status === 'half-installed')
        .map((installed) => `/usr/lib/${installed.package}`),
      pendingReboot: pendingReboot(state),
      staleServices: staleServices(state)
        .filter((service) => !service.needsBoot)
        .map(unitOf),
      services: servicesOf(state),
    };
  }

  async check(check: Check): Promise<CheckResult> {
    const [passed, observed] = this.#tried(check);
    return { check: describeCheck(check), passed, observed };
  }

  async restartServices(
    services: readonly string[],
    sinceAt: string,
  ): Promise<readonly { readonly service: string; readonly because: string }[]> {
    const archive = this.#disk.archive();
    const down = services.flatMap((name) => {
      const service = findService(this.state, name);
      if (service === undefined) return [{ service: name, because: 'not found' }];
      if (service.startedAt === null || service.startedAt < sinceAt) startService(this.state, archive, service);
      return service.state === 'running' ? [] : [{ service: name, because: service.state }];
    });
    this.#disk.save();
    return down;
  }

  async reboot(): Promise<void> {
    this.#hooks.reboot();
  }

  /** Each change is in its file when it is made; a simulated machine loses nothing that was written. */
  async sync(): Promise<void> {}

  #tried(check: Check): [passed: boolean, observed: string] {
    if ('service' in check) {
      const service = findService(this.state, check.service);
      const observed = service?.state === 'running' ? 'active' : (service?.state ?? 'inactive');
      return [observed === 'active', observed];
    }
    const port = 'port' in check ? check.port : portOf(check.http);
    const answers = this.state.services.some((service) => service.port === port && service.state === 'running');
    if (!answers) return [false, 'connection refused'];
    if ('port' in check) return [true, 'open'];
    return [check.expect === 200, '200'];
  }

  #installedFault(fault: 'doesNotBoot' | 'silencesAgent'): boolean {
    const archive = this.#disk.archive();
    return this.state.packages.some(
      (installed) => archive.find(installed.package, installed.version)?.faults?.[fault] === true,
    );
  }
}

function named(installed: Installed): { package: string; version: string; architecture: string } {
  return { package: installed.package, version: installed.version, architecture: installed.architecture };
}

function servicesOf(state: MachineState): readonly ServiceState[] {
  return state.services
    .filter((service) => service.service !== init)
    .map((service) => ({ service: unitOf(service), state: service.state }));
}

function pendingReboot(state: MachineState): { due: boolean; because: readonly string[] } {
  const because = rebootReasons(state);
  return { due: because.length > 0, because };
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

/** What `dpkg --audit` prints, in its own words. */
function auditOf(packages: readonly Installed[]): string {
  return auditTexts
    .flatMap(([status, text]) => {
      const found = packages.filter((installed) => installed.status === status);
      return found.length === 0 ? [] : [`${text}\n${found.map((installed) => ` ${installed.package}\n`).join('')}`];
    })
    .join('\n');
}

const auditTexts: readonly (readonly [Installed['status'], string])[] = [
  [
    'unpacked',
    'The following packages have been unpacked but not yet configured.\nThey must be configured using dpkg --configure or the configure\nmenu option in dselect for them to work:',
  ],
  [
    'half-configured',
    'The following packages are only half configured, probably due to problems\nconfiguring them the first time.  The configuration should be retried using\ndpkg --configure <package> or the configure menu option in dselect:',
  ],
  [
    'half-installed',
    'The following packages are only half installed, due to problems during\ninstallation.  The installation can probably be completed by retrying it;\nthe packages can be removed using dselect or dpkg --remove:',
  ],
];
