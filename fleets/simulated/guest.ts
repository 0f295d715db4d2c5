/** One machine as its hypervisor sees it: power, boots, and the agent that starts with every boot. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { startAgent } from '../../agent/agent.ts';
import type { RunningAgent } from '../../agent/agent.ts';
import { agentConfigurationSchema } from '../../protocol/enrolment.ts';
import type { AgentConfiguration } from '../../protocol/enrolment.ts';
import { readJson } from './files.ts';
import { readHardware, writeHardware } from './hardware.ts';
import type { Hardware } from './hardware.ts';
import type { MachineFiles } from './layout.ts';
import { bootIdOf, machineStateSchema } from './machine-state.ts';
import type { MachineFaults, MachineState } from './machine-state.ts';
import { SimulatedMachine } from './machine.ts';

const agentRetryMilliseconds = 500;

export type GuestState = 'off' | 'coming up' | 'up' | 'does not come up';

export class Guest {
  readonly name: string;
  readonly files: MachineFiles;
  readonly hardware: Hardware;
  state: GuestState = 'off';
  #machine: SimulatedMachine | null = null;
  #agent: RunningAgent | null = null;
  #agentLoop: Promise<void> = Promise.resolve();
  #session = new AbortController();
  #turn: Promise<unknown> = Promise.resolve();
  readonly #log: (line: string) => void;

  constructor(name: string, files: MachineFiles, log: (line: string) => void) {
    this.name = name;
    this.files = files;
    this.hardware = readHardware(files);
    this.#log = (line) => log(`${name}: ${line}`);
  }

  get agentAnswers(): boolean {
    return this.#agent !== null;
  }

  /** What is on the machine's disk now, whether it is on or off. */
  get machineState(): MachineState {
    return this.#machine?.state ?? readJson(this.files.state, machineStateSchema);
  }

  /** One order after another: nothing else happens to the machine before `work` has ended. */
  inTurn<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /** After the process was started again: what was on is on, in the boot it was in or on its way into the next. */
  resume(): void {
    if (this.hardware.power === 'off') return;
    if (this.#bootId() !== this.machineState.bootId) return this.#comeUp();
    const session = this.#newSession();
    this.#run(session, (machine) => machine.resume());
  }

  /** Pushes the power button of a machine that is off. */
  powerOn(): void {
    if (this.hardware.power === 'on') return;
    this.startBoot();
  }

  /** An orderly end: the agent first, then the machine. */
  async powerOff(): Promise<void> {
    this.setHardware({ power: 'off' });
    this.#session.abort();
    await this.#stopAgent();
    this.#halt();
  }

  /** Pulls the plug: what was not on the disk is lost, whatever was going on. */
  async powerCut(): Promise<void> {
    this.setHardware({ power: 'off' });
    this.#session.abort();
    this.#halt();
    await this.#stopAgent();
  }

  /** Stops the process's part in the machine without touching its state. */
  async leave(): Promise<void> {
    this.#session.abort();
    this.#halt();
    await this.#stopAgent();
  }

  setFaults(faults: Partial<MachineFaults>): void {
    if (this.#machine === null) throw new Error(`${this.name} is not up; set its faults when it is.`);
    this.#machine.setFaults(faults);
    if (this.#machine.agentIsSilenced) void this.#stopAgent();
    else if (this.#agent === null) this.#startAgent(this.#machine, this.#session.signal);
  }

  /** Begins the next boot, and records in the same write what led to it. */
  startBoot(record: Partial<Hardware> = {}): void {
    this.setHardware({ ...record, power: 'on', boots: this.hardware.boots + 1 });
    this.#comeUp();
  }

  setHardware(change: Partial<Hardware>): void {
    Object.assign(this.hardware, change);
    writeHardware(this.files, this.hardware);
  }

  #bootId(): string {
    return bootIdOf(this.machineState.machineId, this.hardware.boots);
  }

  #newSession(): AbortSignal {
    this.#session.abort();
    this.#session = new AbortController();
    return this.#session.signal;
  }

  #comeUp(): void {
    const signal = this.#newSession();
    this.state = 'coming up';
    const { bootMilliseconds } = this.machineState.pace;
    const up = (machine: SimulatedMachine): void => machine.boot(this.#bootId());
    delay(bootMilliseconds, undefined, { signal })
      .then(() => this.inTurn(() => (signal.aborted ? undefined : this.#run(signal, up))))
      .catch((error: unknown) => this.#report(signal, error));
  }

  #run(signal: AbortSignal, begin: (machine: SimulatedMachine) => void): void {
    const machine = new SimulatedMachine(this.files, {
      reboot: () => this.#reboot(),
      losePower: (until) => this.#losePower(until),
      silenceAgent: () => void this.#stopAgent(),
    });
    if (!machine.boots) {
      this.state = 'does not come up';
      return;
    }
    this.#machine = machine;
    this.state = 'up';
    begin(machine);
    this.#startAgent(machine, signal);
  }

  /** Asked for from inside. From here on the machine is on its way into the next boot, also after a crash. */
  #reboot(): void {
    if (this.#bootId() !== this.machineState.bootId) return;
    this.setHardware({ boots: this.hardware.boots + 1 });
    const { signal } = this.#session;
    delay(this.machineState.pace.shutdownMilliseconds, undefined, { signal })
      .then(() => this.inTurn(() => (signal.aborted ? undefined : this.#goDownAndUp())))
      .catch((error: unknown) => this.#report(signal, error));
  }

  async #goDownAndUp(): Promise<void> {
    this.#session.abort();
    await this.#stopAgent();
    this.#halt();
    this.#comeUp();
  }

  #losePower(until: 'briefly' | 'for good'): void {
    this.#session.abort();
    this.#halt();
    this.setHardware(until === 'briefly' ? { boots: this.hardware.boots + 1 } : { power: 'off' });
    void this.inTurn(async () => {
      await this.#stopAgent();
      if (this.hardware.power === 'on') this.#comeUp();
    });
  }

  #halt(): void {
    this.#machine?.halt();
    this.#machine = null;
    this.state = 'off';
  }

  #startAgent(machine: SimulatedMachine, signal: AbortSignal): void {
    this.#agentLoop = this.#agentLoop.then(() => this.#keepAgent(machine, signal));
  }

  /** As systemd would: until it runs. */
  async #keepAgent(machine: SimulatedMachine, signal: AbortSignal): Promise<void> {
    let answered = '';
    while (!signal.aborted && !machine.agentIsSilenced && this.#agent === null) {
      try {
        const { listen, caller, enrolment } = await this.#agentConfiguration();
        const { stateDirectory } = this.files;
        const agent = await startAgent({ machine, stateDirectory, listen, caller, enrolment, signal, log: this.#log });
        this.#agent = agent;
        if (this.hardware.endpointId !== agent.endpointId) this.setHardware({ endpointId: agent.endpointId });
      } catch (error) {
        if (signal.aborted) return;
        const words = messageOf(error);
        if (words !== answered) this.#log(`The agent does not start: ${words}`);
        answered = words;
        await delay(agentRetryMilliseconds, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #stopAgent(): Promise<void> {
    this.#agentLoop = this.#agentLoop.then(() => {
      const agent = this.#agent;
      this.#agent = null;
      return agent?.stop().catch((error: unknown) => this.#log(messageOf(error)));
    });
    return this.#agentLoop;
  }

  async #agentConfiguration(): Promise<AgentConfiguration> {
    return agentConfigurationSchema.parse(JSON.parse(await readFile(this.files.configuration, 'utf8')));
  }

  #report(signal: AbortSignal, error: unknown): void {
    if (!signal.aborted) this.#log(messageOf(error));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
