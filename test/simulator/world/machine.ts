/**
 * One endpoint as it truly is: packages, services, boots, the agent's ledger and generation. All of that but the boot is
 * on its disk, so a restore takes it back. Things take their time, and bad patches do what they do.
 */
import { AgentRefused, AgentUnreachable } from '../../../activities/ports/agent.ts';
import type { Operation, OperationBody, OperationReport } from '../../../domain/endpoints/operation.ts';
import type { Patch } from '../../../domain/patch.ts';
import { type Disk, copyOf, firstDisk } from './disk.ts';
import type { EndpointFacts, Span } from './endpoints.ts';
import type { Recorder, Truth } from './record.ts';
import type { PublishedVersion } from './releases.ts';
import { Software } from './software.ts';

/** What a machine needs of the world around it. */
export type Surroundings = {
  readonly now: () => number;
  readonly later: (milliseconds: number, act: () => void) => void;
  readonly record: Recorder;
  readonly releases: readonly PublishedVersion[];
};

const second = 1000;

export class Machine {
  readonly facts: EndpointFacts;
  readonly endpointId: string;
  readonly #around: Surroundings;
  readonly #software: Software;
  disk: Disk;
  #boots = 1;
  /** Up since its last boot; null while it is down. */
  #upSinceAt: number | null = 0;
  /** Raised whenever what was going on in it is cut short. */
  #life = 0;
  #powerCut = false;

  constructor(
    facts: EndpointFacts,
    around: Surroundings,
    endpointId = facts.endpointId,
    disk = firstDisk(facts, around.releases),
  ) {
    this.facts = facts;
    this.endpointId = endpointId;
    this.#around = around;
    this.disk = disk;
    this.#software = new Software(facts, around, {
      disk: () => this.disk,
      after: (milliseconds, act) => this.#after(milliseconds, act),
    });
  }

  get bootId(): string {
    return `${this.endpointId}/boot-${this.#boots}`;
  }

  truth(): Truth {
    const { disk } = this;
    return {
      bootId: this.bootId,
      generation: disk.generation,
      packages: { ...disk.packages },
      services: Object.fromEntries(Object.keys(disk.services).map((service) => [service, this.serviceState(service)])),
      audit: disk.audit.join('\n'),
      rebootPending: disk.rebootFor.length > 0,
    };
  }

  /** Services need a while after a boot or a restart. */
  serviceState(service: string): 'running' | 'stopped' | 'failed' {
    const state = this.disk.services[service] ?? 'stopped';
    return state === 'running' && this.#around.now() < this.settledAt() ? 'stopped' : state;
  }

  settledAt(): number {
    return Math.max(this.#upSinceAt ?? 0, this.disk.restartedAt) + this.facts.faults.settleMilliseconds;
  }

  isHanging(): boolean {
    return isWithin(this.facts.faults.hangs, this.#around.now());
  }

  /** Whether its agent could answer at all. */
  isReachable(): boolean {
    return this.#upSinceAt !== null && !isWithin(this.facts.faults.absences, this.#around.now());
  }

  /** @throws AgentUnreachable when nobody answers */
  mustAnswer(): void {
    if (!this.isReachable() || this.isHanging()) throw new AgentUnreachable(`${this.endpointId} does not answer`);
  }

  /** Takes an effect, or answers from the ledger. @throws AgentRefused */
  submit(operation: Operation): OperationReport {
    this.mustAnswer();
    const { operationId, generation, body, permit } = operation;
    const { record } = this.#around;
    const submission = {
      fact: 'submitted',
      endpointId: this.endpointId,
      operationId,
      kind: body.kind,
      generation,
    } as const;
    const said = { ...submission, permitIssuedAt: permit.issuedAt };
    try {
      this.#checkGeneration(generation);
      const known = this.disk.ledger.known(operation);
      record({ ...said, answer: known ? 'known' : 'accepted' });
      if (known) return known;
    } catch (refusal) {
      record({ ...said, answer: 'refused' });
      throw refusal;
    }
    const report = this.disk.ledger.begin(operation, this.#iso());
    const patches = 'patches' in body ? body.patches : [];
    record({
      fact: 'effect begun',
      endpointId: this.endpointId,
      operationId,
      kind: body.kind,
      generation,
      patches,
      truth: this.truth(),
    });
    this.#carryOut(operationId, body);
    return report;
  }

  report(operationId: string): OperationReport | null {
    this.mustAnswer();
    return this.disk.ledger.report(operationId);
  }

  /** Puts another disk in, with its generation raised, and starts the machine. It answers when it has booted. */
  rollBack(disk: Disk, generation: number): void {
    this.#life += 1;
    this.disk = { ...copyOf(disk), generation };
    this.#upSinceAt = null;
    this.#after(this.facts.bootMilliseconds, () => this.#boot());
  }

  #checkGeneration(generation: number): void {
    const own = this.disk.generation;
    if (generation < own) throw new AgentRefused(`This endpoint is generation ${own}.`, 'older generation', 409);
    if (generation > own) throw new AgentRefused(`This endpoint knows of generation ${own}.`, 'newer generation', 409);
  }

  #carryOut(operationId: string, body: OperationBody): void {
    if (body.kind === 'prefetch') return this.#after(2 * second, () => this.#prefetched(operationId));
    if (body.kind === 'reboot') return this.#reboot(operationId, body.leaveBootId);
    if (body.kind === 'restart services') return this.#after(second, () => this.#restarted(operationId));
    if (body.kind === 'roll back packages')
      return this.#after(this.facts.installMilliseconds, () => this.#rollBackPackages(operationId, body.patches));
    if (body.kind === 'install' && this.facts.faults.powerCutInInstall && !this.#powerCut)
      return this.#after(this.facts.installMilliseconds / 2, () => this.#losePower(body.patches));
    // The package manager runs no longer than its limit: then it is stopped where it is.
    const limit = body.limitMinutes * 60 * second;
    this.#after(Math.min(this.facts.installMilliseconds, limit), () => this.#installed(operationId, body));
  }

  #prefetched(operationId: string): void {
    const { disk } = this;
    if (this.facts.faults.mirrorAway && !disk.mirrorSaidNo) {
      disk.mirrorSaidNo = true;
      this.#fault('mirror away');
      return this.#end(operationId, 'failed', 'The mirror does not answer.');
    }
    this.#end(operationId, 'succeeded', 'Fetched.');
  }

  #installed(operationId: string, body: Extract<OperationBody, { kind: 'install' | 'repair' }>): void {
    if (this.facts.faults.liesAbout === 'install') {
      this.#fault('agent lies about an install');
      return this.#end(operationId, 'succeeded', 'All planned versions installed, the audit is clean.');
    }
    const { patches } = body;
    const unasked = this.#software.besides(patches, body.kind === 'install' ? body.allowRemove : []);
    if (unasked.length > 0) return this.#end(operationId, 'failed', `It would take ${unasked.join(', ')} along.`);
    const failing = this.#software.install(patches);
    const state = failing.length > 0 ? 'failed' : 'succeeded';
    this.#end(operationId, state, failing.length > 0 ? `dpkg: ${failing.join(', ')}` : 'Installed.', failing);
  }

  #rollBackPackages(operationId: string, patches: readonly Patch[]): void {
    this.#software.rollBack(patches);
    this.#end(operationId, 'succeeded', 'Back at the versions from before.');
  }

  #reboot(operationId: string, leaveBootId: string): void {
    if (this.bootId !== leaveBootId) return this.#end(operationId, 'succeeded', `It has left boot ${leaveBootId}.`);
    if (this.facts.faults.liesAbout === 'reboot') {
      this.#fault('agent lies about a reboot');
      return this.#after(second, () => this.#end(operationId, 'succeeded', `It has left boot ${leaveBootId}.`));
    }
    if (this.#software.hasBad('endless reboot')) return this.#fault('bad patch: its reboot never ends');
    this.#after(second, () => this.#goDown());
  }

  #restarted(operationId: string): void {
    this.disk.stale = [];
    this.disk.restartedAt = this.#around.now();
    this.#end(operationId, 'succeeded', 'Restarted.');
  }

  #losePower(patches: readonly Patch[]): void {
    this.#powerCut = true;
    this.#fault('power cut during an install');
    for (const patch of patches.slice(0, Math.floor(patches.length / 2))) this.#software.put(patch);
    this.disk.audit = [' dpkg  was interrupted'];
    this.#goDown();
  }

  #goDown(): void {
    this.#life += 1;
    this.#upSinceAt = null;
    if (this.#software.hasBad('boot')) return this.#fault('bad patch: the machine does not boot');
    this.#after(this.facts.bootMilliseconds, () => this.#boot());
  }

  #boot(): void {
    this.#boots += 1;
    this.#upSinceAt = this.#around.now();
    this.disk.rebootFor = [];
    this.disk.stale = [];
    this.#around.record({ fact: 'booted', endpointId: this.endpointId, bootId: this.bootId });
    this.#settleWhatRan();
    this.#software.startAnew();
  }

  /** The agent comes back and looks at what it had begun. */
  #settleWhatRan(): void {
    const running = this.disk.ledger.running();
    if (!running) return;
    const { operationId, kind } = running.report;
    if (kind === 'reboot') return this.#end(operationId, 'succeeded', 'It has left the boot.');
    if (kind === 'prefetch') return this.#carryOut(operationId, running.body);
    this.#end(operationId, 'interrupted', 'A power cut cut it short; what is true now must be observed.');
  }

  #end(
    operationId: string,
    state: 'succeeded' | 'failed' | 'interrupted',
    because: string,
    packagesAtFault: readonly string[] = [],
  ): void {
    const { ledger } = this.disk;
    ledger.end(operationId, { state, because, packagesAtFault, at: this.#iso() });
    const report = ledger.report(operationId);
    if (!report) return;
    const { kind, generation } = report;
    this.#around.record({
      fact: 'effect ended',
      endpointId: this.endpointId,
      operationId,
      kind,
      generation,
      state,
      truth: this.truth(),
    });
  }

  /** Does it then, unless what was going on has been cut short meanwhile. */
  #after(milliseconds: number, act: () => void): void {
    const life = this.#life;
    this.#around.later(milliseconds, () => {
      if (life === this.#life) act();
    });
  }

  #fault(fault: string): void {
    this.#around.record({ fact: 'fault', fault });
  }

  #iso(): string {
    return new Date(this.#around.now()).toISOString();
  }
}

function isWithin(spans: readonly Span[], now: number): boolean {
  return spans.some(({ fromAt, untilAt }) => fromAt <= now && now < untilAt);
}
