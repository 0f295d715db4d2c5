/** Clones of endpoints to try patches on: machines of their own, alike in everything but identity and ledger. */
import type { AgentIdentity } from '../../../activities/ports/agent.ts';
import { SandboxFailed, type SandboxPort } from '../../../activities/ports/sandboxes.ts';
import { copyOf } from './disk.ts';
import { Ledger } from './ledger.ts';
import { Machine, type Surroundings } from './machine.ts';

export class Sandboxes implements SandboxPort {
  readonly #fleet: Map<string, Machine>;
  readonly #around: Surroundings;
  readonly #clones = new Set<string>();

  constructor(fleet: Map<string, Machine>, around: Surroundings) {
    this.#fleet = fleet;
    this.#around = around;
  }

  async prepare(endpointId: string, sandboxId: string): Promise<{ readonly certificateRequest: string }> {
    const original = this.#fleet.get(endpointId);
    if (!original) throw new SandboxFailed(`there is no machine ${endpointId}`, false);
    if (!this.#clones.has(sandboxId)) {
      const disk = { ...copyOf(original.disk), ledger: new Ledger(), generation: 1 };
      const faults = { ...original.facts.faults, absences: [], hangs: [], powerCutInInstall: false, mirrorAway: false };
      const clone = new Machine({ ...original.facts, faults }, this.#around, sandboxId, disk);
      this.#fleet.set(sandboxId, clone);
      this.#clones.add(sandboxId);
    }
    return { certificateRequest: `request of ${sandboxId}` };
  }

  async start(sandboxId: string): Promise<AgentIdentity> {
    if (!this.#clones.has(sandboxId)) throw new SandboxFailed(`there is no sandbox ${sandboxId}`, true);
    return { endpointId: sandboxId, address: { host: '127.0.0.1', port: 1 } };
  }

  async destroy(sandboxId: string): Promise<void> {
    if (this.#clones.delete(sandboxId)) this.#fleet.delete(sandboxId);
  }

  async list(): Promise<readonly string[]> {
    return [...this.#clones];
  }
}
