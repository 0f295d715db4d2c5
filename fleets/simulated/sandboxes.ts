/** Clones of simulated machines, to try patches on: their own identity, an empty ledger, no way to any archive. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { identityFiles } from '../../agent/identity.ts';
import { agentConfigurationSchema } from '../../protocol/enrolment.ts';
import type { AgentConfiguration } from '../../protocol/enrolment.ts';
import { claimPort, releasePort } from '../../embedded/ports.ts';
import { newCertificateRequest } from './certificate-request.ts';
import { copyTree } from './copy-tree.ts';
import { readJson, writeJson } from './files.ts';
import { newHardware, writeHardware } from './hardware.ts';
import type { FleetDirectory, MachineFiles } from './layout.ts';
import { identifier, machineStateSchema } from './machine-state.ts';

const sandboxSchema = z.strictObject({
  sandboxId: z.string(),
  endpointId: z.string(),
  /** PEM. */
  certificateRequest: z.string(),
  address: z.strictObject({ host: z.string(), port: z.number().int() }),
});
export type Sandbox = z.infer<typeof sandboxSchema>;

/** Clones a machine's disk under a new identity, unless that was done before. The clone is off. */
export async function prepareSandbox(
  fleet: FleetDirectory,
  origin: MachineFiles,
  names: { readonly sandboxId: string; readonly endpointId: string },
): Promise<Sandbox> {
  const files = fleet.sandbox(names.sandboxId);
  const known = readSandbox(files);
  if (known !== null) return known;
  rmSync(files.directory, { recursive: true, force: true });
  copyTree(origin.root, files.root);
  if (existsSync(origin.archive)) writeJson(files.archive, readJson(origin.archive, z.array(z.unknown())));
  giveIdentity(files, names.sandboxId);
  const { key, request } = await newCertificateRequest();
  writeFileSync(join(files.stateDirectory, identityFiles.key), key, { mode: 0o600 });
  const port = await claimPort();
  const address = { host: '127.0.0.1', port };
  // Without the enrolment: with the original's token the clone would enrol as the original.
  const { caller } = readJson(origin.configuration, agentConfigurationSchema);
  const configuration: AgentConfiguration = { listen: address, stateDirectory: files.stateDirectory, caller };
  writeJson(files.configuration, configuration);
  writeHardware(files, newHardware);
  const sandbox: Sandbox = { ...names, certificateRequest: request, address };
  // Last: its presence is what says that the clone is whole.
  writeJson(sandboxFile(files), sandbox);
  return sandbox;
}

/** Gives a clone the certificate that was signed for its request. */
export function certify(
  files: MachineFiles,
  { certificate, authority }: { readonly certificate: string; readonly authority: string },
): void {
  writeFileSync(join(files.stateDirectory, identityFiles.authority), authority);
  writeFileSync(join(files.stateDirectory, identityFiles.certificate), certificate);
}

/** Null when there is no such sandbox, or its cloning was cut short. */
export function readSandbox(files: MachineFiles): Sandbox | null {
  const file = sandboxFile(files);
  return existsSync(file) ? readJson(file, sandboxSchema) : null;
}

/** The sandboxes that are whole. What was cut short is cleared away. */
export function listSandboxes(fleet: FleetDirectory): readonly Sandbox[] {
  if (!existsSync(fleet.sandboxes)) return [];
  return readdirSync(fleet.sandboxes).flatMap((name) => {
    const file = join(fleet.sandboxes, name, 'sandbox.json');
    return existsSync(file) ? [readJson(file, sandboxSchema)] : [];
  });
}

export function removeSandbox(files: MachineFiles): void {
  const sandbox = readSandbox(files);
  rmSync(sandboxFile(files), { force: true });
  rmSync(files.directory, { recursive: true, force: true });
  if (sandbox !== null) releasePort(sandbox.address.port);
}

/** A copy that kept its machine-id, key and ledger would take itself for the original. */
function giveIdentity(files: MachineFiles, sandboxId: string): void {
  rmSync(files.stateDirectory, { recursive: true, force: true });
  mkdirSync(files.stateDirectory, { recursive: true });
  const state = readJson(files.state, machineStateSchema);
  writeJson(files.state, {
    ...state,
    hostname: sandboxId,
    machineId: identifier(`sandbox ${sandboxId}`),
    runs: {},
    reachesArchives: false,
  });
}

function sandboxFile(files: MachineFiles): string {
  return join(files.directory, 'sandbox.json');
}
