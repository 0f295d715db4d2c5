/** The agents of all endpoints, as the product's workers call them. What an agent says may be a lie; what is observed is true. */
import { type AgentIdentity, type AgentPort, AgentUnreachable } from '../../../activities/ports/agent.ts';
import type { ChangelogEntry } from '../../../domain/patches/advisory.ts';
import { type Check, type CheckResult, describeCheck } from '../../../domain/endpoints/check.ts';
import type { AgentHealth, BootState, Inventory } from '../../../domain/endpoints/endpoint.ts';
import type { Evidence } from '../../../domain/endpoints/evidence.ts';
import type { Operation, OperationReport } from '../../../domain/endpoints/operation.ts';
import type { AvailableUpdate, DryRun, Patch } from '../../../domain/patch.ts';
import { dueFor } from './disk.ts';
import type { Machine } from './machine.ts';
import type { Recorder } from './record.ts';
import type { PublishedVersion } from './releases.ts';

const architecture = 'amd64';

export type Fleet = ReadonlyMap<string, Machine>;

export class Agents implements AgentPort {
  readonly #fleet: Fleet;
  readonly #releases: readonly PublishedVersion[];
  readonly #record: Recorder;
  readonly #now: () => number;
  readonly #startAt: number;

  constructor(world: {
    fleet: Fleet;
    releases: readonly PublishedVersion[];
    record: Recorder;
    now: () => number;
    startAt: number;
  }) {
    this.#fleet = world.fleet;
    this.#releases = world.releases;
    this.#record = world.record;
    this.#now = world.now;
    this.#startAt = world.startAt;
  }

  async health(agent: AgentIdentity): Promise<AgentHealth> {
    const machine = this.#answering(agent);
    const { bootId, disk } = machine;
    return {
      agentVersion: '1',
      runtimeVersion: '1',
      endpointId: machine.endpointId,
      generation: disk.generation,
      bootId,
    };
  }

  async inventory(agent: AgentIdentity): Promise<Inventory> {
    const machine = this.#answering(agent);
    const truth = machine.truth();
    return {
      takenAt: this.#iso(),
      hostname: agent.endpointId,
      machineId: agent.endpointId,
      bootId: truth.bootId,
      generation: truth.generation,
      agentVersion: '1',
      runtimeVersion: '1',
      os: { id: 'debian', version: '12', codename: 'bookworm' },
      kernel: '6.1.0',
      hardware: {
        architecture,
        cpus: 2,
        memoryMebibytes: 2048,
        rootDiskMebibytes: 9000,
        rootFreeMebibytes: 5000,
        virtualization: 'kvm',
      },
      packages: Object.entries(truth.packages).map(([name, version]) => ({ package: name, version, architecture })),
      heldPackages: machine.disk.held,
      applications: [],
      services: servicesOf(truth.services),
      pendingReboot: { due: truth.rebootPending, because: machine.disk.rebootFor },
      otherUpdaters: [],
    };
  }

  async pendingReboot(agent: AgentIdentity): Promise<BootState> {
    const { bootId, rebootPending } = this.#answering(agent).truth();
    return { bootId, pendingReboot: { due: rebootPending, because: this.#answering(agent).disk.rebootFor } };
  }

  async availableUpdates(agent: AgentIdentity): Promise<readonly AvailableUpdate[]> {
    const machine = this.#answering(agent);
    return dueFor(machine.disk, this.#releases, this.#minutes()).map(({ release, from, to }) => ({
      package: release.package,
      architecture,
      from,
      to,
      source: release.package,
      sourceVersion: to,
      origins: [release.origin],
      sizeBytes: 1000,
    }));
  }

  async dryRun(agent: AgentIdentity, patches: readonly Patch[]): Promise<DryRun> {
    this.#answering(agent);
    const released = patches.flatMap((patch) => this.#releases.find((each) => each.package === patch.package) ?? []);
    return {
      patches,
      removes: released.flatMap(({ removes }) => removes),
      downgrades: released.flatMap(({ downgrades }) => downgrades),
      impossible: [],
    };
  }

  async changelogs(agent: AgentIdentity, patches: readonly Patch[]): Promise<readonly ChangelogEntry[]> {
    this.#answering(agent);
    return patches.flatMap((patch) => {
      const release = this.#releases.find((each) => each.package === patch.package);
      if (!release?.changelogReadable) return [];
      return {
        package: patch.package,
        source: patch.package,
        version: patch.to,
        distribution: 'bookworm-security',
        urgency: release.urgency,
        datedAt: new Date(this.#startAt - 86_400_000).toISOString(),
        text: `  * Fixes ${release.cves.join(', ') || 'a typing error'}.`,
      };
    });
  }

  async checks(agent: AgentIdentity, checks: readonly Check[]): Promise<readonly CheckResult[]> {
    const machine = this.#answering(agent);
    const { services } = machine.truth();
    const lies = machine.facts.faults.liesAbout === 'checks';
    if (lies) this.#record({ fact: 'fault', fault: 'agent lies about checks' });
    return checks.map((check) => {
      const state = 'service' in check ? (services[check.service] ?? 'not installed') : 'running';
      const passed = lies || state === 'running';
      return { check: describeCheck(check), passed, observed: lies ? 'running' : state };
    });
  }

  async observe(
    agent: AgentIdentity,
    what: { readonly packages: readonly string[]; readonly checks: readonly Check[] },
  ): Promise<Evidence> {
    const machine = this.#answering(agent);
    const truth = machine.truth();
    this.#record({ fact: 'observed', endpointId: machine.endpointId, packages: what.packages, truth });
    const installed = what.packages.flatMap((name) => {
      const version = truth.packages[name];
      return version === undefined ? [] : [{ package: name, version, architecture }];
    });
    return {
      observedAt: this.#iso(),
      bootId: truth.bootId,
      generation: truth.generation,
      installed,
      audit: truth.audit,
      dependencyProblems: '',
      alteredFiles: [],
      pendingReboot: { due: truth.rebootPending, because: machine.disk.rebootFor },
      staleServices: machine.disk.stale,
      services: servicesOf(truth.services),
      checks: await this.checks(agent, what.checks),
    };
  }

  async submit(agent: AgentIdentity, operation: Operation): Promise<OperationReport> {
    return this.#machine(agent).submit(operation);
  }

  async report(agent: AgentIdentity, operationId: string): Promise<OperationReport | null> {
    return this.#machine(agent).report(operationId);
  }

  #answering(agent: AgentIdentity): Machine {
    const machine = this.#machine(agent);
    machine.mustAnswer();
    return machine;
  }

  #machine({ endpointId }: AgentIdentity): Machine {
    const machine = this.#fleet.get(endpointId);
    if (!machine) throw new AgentUnreachable(`nobody answers for ${endpointId}`);
    return machine;
  }

  #minutes(): number {
    return (this.#now() - this.#startAt) / 60_000;
  }

  #iso(): string {
    return new Date(this.#now()).toISOString();
  }
}

function servicesOf(services: Readonly<Record<string, 'running' | 'stopped' | 'failed'>>) {
  return Object.entries(services).map(([service, state]) => ({ service, state }));
}
