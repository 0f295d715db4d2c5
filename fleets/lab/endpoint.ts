import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../activities/adapters/command.ts';
import { insideRoot, writeInRoot } from '../../activities/adapters/root.ts';
import { deleteSubvolume } from '../../activities/adapters/btrfs-subvolume.ts';
import { agentConfigurationSchema, type WrittenAgentConfiguration } from '../../protocol/enrolment.ts';
import { makeWhole } from '../../system/whole-files.ts';
import { suite } from './base.ts';
import { cachePort } from './cache.ts';
import { snapshotWritable } from './disk.ts';
import { endpointRoot, type LabLayout } from './layout.ts';
import { endpointMachine, execIn, powerOf } from './machine.ts';
import type { Mirror } from './mirror.ts';
import { repositoryKey, repositoryPort, repositorySuite } from './repository.ts';
import { gatewayOf, openLab, type LabEndpoint, type LabSite } from './state.ts';

const keyring = '/usr/share/keyrings/patchcycle-lab.gpg';
const agentUnit = 'patchcycle-agent.service';

/**
 * Hardened only as far as a program that installs packages allows. apt runs in a transient unit of its own, outside of
 * this one, so `ProtectSystem` holds for the agent and not for what it installs.
 */
const agentUnitText = `[Unit]
Description=Patchcycle agent
After=network.target dbus.service
ConditionPathExists=/etc/patchcycle/agent.json
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/local/bin/patchcycle-agent
Restart=always
RestartSec=1
UMask=0077
StateDirectory=patchcycle
StateDirectoryMode=0700
ProtectSystem=full
ProtectHome=yes
PrivateTmp=yes
ProtectClock=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
RestrictRealtime=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
`;

/** Makes an endpoint's root from the base and gives it its own name, sources and agent. Keeps one that exists. */
export async function ensureEndpoint(
  lab: LabLayout,
  endpoint: LabEndpoint,
  given: { readonly site: LabSite; readonly mirror: Mirror; readonly agentProgram: string | null },
): Promise<void> {
  const root = endpointRoot(lab, endpoint.name);
  if (existsSync(root)) return;
  const unfinished = join(lab.endpoints, `.making-${endpoint.name}`);
  await deleteSubvolume(unfinished);
  await snapshotWritable(lab.base, unfinished);
  await writeIdentity(unfinished, endpoint, given.site);
  await writeSources(lab, unfinished, given.site, given.mirror);
  if (given.agentProgram !== null) await installAgent(unfinished, given.agentProgram);
  await writeInRoot(unfinished, 'var/lib/patchcycle/generation', '1\n', 0o600);
  await rename(unfinished, root);
}

/**
 * Puts the agent's program on the lab's disk, once; the endpoints' copies share its blocks. Null when the program was
 * not built yet.
 */
export async function stageAgent(lab: LabLayout, program: string): Promise<string | null> {
  if (!existsSync(program)) return null;
  const staged = join(lab.disk, 'patchcycle-agent');
  await makeWhole(staged, (unfinished) => copyFile(program, unfinished));
  return staged;
}

/** Writes an endpoint's agent configuration, and has the agent read it when the machine runs. */
export async function writeAgentConfiguration(
  directory: string,
  endpoint: string,
  configuration: WrittenAgentConfiguration,
): Promise<void> {
  const machine = endpointMachine(directory, endpoint);
  const text = JSON.stringify(agentConfigurationSchema.parse(configuration), null, 2);
  await writeInRoot(machine.root, 'etc/patchcycle/agent.json', `${text}\n`, 0o600);
  if (powerOf(machine) === 'off' || !existsSync(join(machine.root, 'usr/local/bin/patchcycle-agent'))) return;
  const end = await execIn(directory, endpoint, ['systemctl', 'restart', agentUnit]);
  if (end.status !== 0) throw new Error(`The agent of ${endpoint} did not start: ${end.stderr.trim()}`);
}

/** Puts a built agent on every endpoint of the lab in place of the one there, and starts it where it is configured. */
export async function replaceAgent(directory: string, program: string): Promise<void> {
  const { lab, state } = openLab(directory);
  const staged = await stageAgent(lab, program);
  if (staged === null) throw new Error(`There is no agent at ${program}: build it with "npm run build:agent".`);
  for (const { name } of state.endpoints) {
    await installAgent(endpointRoot(lab, name), staged);
    if (powerOf(endpointMachine(directory, name)) === 'off') continue;
    await execIn(directory, name, ['systemctl', 'daemon-reload']);
    await execIn(directory, name, ['systemctl', 'restart', agentUnit]);
  }
}

async function installAgent(root: string, staged: string): Promise<void> {
  const program = insideRoot(root, 'usr/local/bin/patchcycle-agent');
  await run(['cp', '--reflink=always', '--remove-destination', staged, program]);
  await chmod(program, 0o755);
  await writeInRoot(root, `etc/systemd/system/${agentUnit}`, agentUnitText);
  const wanted = insideRoot(root, 'etc/systemd/system/multi-user.target.wants');
  const enabled = join(wanted, agentUnit);
  await mkdir(wanted, { recursive: true });
  await rm(enabled, { force: true });
  await symlink(`/etc/systemd/system/${agentUnit}`, enabled);
}

async function writeIdentity(root: string, endpoint: LabEndpoint, site: LabSite): Promise<void> {
  await writeInRoot(root, 'etc/hostname', `${endpoint.name}\n`);
  await writeInRoot(root, 'etc/hosts', `127.0.0.1 localhost\n${endpoint.address} ${endpoint.name}\n`);
  if (site.timeZone === undefined) return;
  await writeInRoot(root, 'etc/timezone', `${site.timeZone}\n`);
  await rm(join(root, 'etc/localtime'), { force: true });
  await symlink(`/usr/share/zoneinfo/${site.timeZone}`, join(root, 'etc/localtime'));
}

async function writeSources(lab: LabLayout, root: string, site: LabSite, mirror: Mirror): Promise<void> {
  const cache = `http://${gatewayOf(site)}:${cachePort}`;
  await copyFile(repositoryKey(lab), join(root, keyring));
  const sources = [
    `deb ${cache}/debian ${suite} main`,
    `deb ${cache}/debian ${suite}-updates main`,
    `deb ${cache}/debian-security ${suite}-security main`,
    `deb [signed-by=${keyring}] http://${gatewayOf(site)}:${repositoryPort} ${repositorySuite} main`,
  ];
  await writeInRoot(root, 'etc/apt/sources.list', `${sources.join('\n')}\n`);
  const options = ['Acquire::Languages "none";', ...mirror.aptOptions];
  await writeInRoot(root, 'etc/apt/apt.conf.d/90site', `${options.join('\n')}\n`);
}
