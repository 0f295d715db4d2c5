/** The disk of a simulated machine: its state, its dpkg.log, and what its archives offer. */
import { appendFileSync, existsSync, statSync, truncateSync } from 'node:fs';
import { z } from 'zod';
import { archiveOf, archiveVersionSchema } from './archive.ts';
import type { Archive } from './archive.ts';
import { readJson, writeJson } from './files.ts';
import type { MachineFiles } from './layout.ts';
import { machineStateSchema } from './machine-state.ts';
import type { MachineState } from './machine-state.ts';

export class MachineDisk {
  readonly state: MachineState;
  readonly #files: MachineFiles;
  #isOpen = true;

  constructor(files: MachineFiles) {
    this.#files = files;
    this.state = readJson(files.state, machineStateSchema);
    this.#dropLinesThatNeverHappened();
  }

  /** Makes the state as it is in memory the state on the disk. Does nothing once the machine has lost its power. */
  save(): void {
    if (this.#isOpen) writeJson(this.#files.state, this.state);
  }

  /** Adds a line to dpkg.log; it counts from the next `save` on, so that both say the same after a crash. */
  log(line: string): void {
    if (!this.#isOpen) return;
    const text = `${new Date().toISOString().slice(0, 19).replace('T', ' ')} ${line}\n`;
    appendFileSync(this.#files.dpkgLog, text);
    this.state.dpkgLogBytes += Buffer.byteLength(text);
  }

  /** Read each time: something may have been published. */
  archive(): Archive {
    const published = existsSync(this.#files.archive)
      ? readJson(this.#files.archive, z.array(archiveVersionSchema))
      : [];
    return archiveOf(published);
  }

  /** From now on nothing that still runs in this process reaches the disk. */
  close(): void {
    this.#isOpen = false;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  #dropLinesThatNeverHappened(): void {
    const { dpkgLog } = this.#files;
    if (!existsSync(dpkgLog)) appendFileSync(dpkgLog, '');
    if (statSync(dpkgLog).size > this.state.dpkgLogBytes) truncateSync(dpkgLog, this.state.dpkgLogBytes);
  }
}
