import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { appendFile, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { agentConfigurationSchema } from '../../../protocol/enrolment.ts';
import { run } from '../command.ts';
import { insideRoot, writeInRoot } from '../root.ts';

export const stateDirectory = 'var/lib/patchcycle';
const keyFile = `${stateDirectory}/key.pem`;
/** They would fetch and install behind the trial's back. */
const otherUpdaters = ['apt-daily.timer', 'apt-daily-upgrade.timer'] as const;

/** Takes out of a cloned root all that makes it the original, so that it boots as a machine of its own. */
export async function replaceIdentity(root: string, sandboxId: string, hostname: string): Promise<void> {
  // machine-id(5): 128 bits in hexadecimal. Derived, so that the same sandbox is the same machine.
  const machineId = createHash('sha256').update(sandboxId).digest('hex').slice(0, 32);
  await writeInRoot(root, 'etc/machine-id', `${machineId}\n`, 0o444);
  await rm(insideRoot(root, 'var/lib/dbus') + '/machine-id', { force: true });
  await writeInRoot(root, 'etc/hostname', `${hostname}\n`);
  await appendFile(insideRoot(root, 'etc/hosts'), `127.0.1.1 ${hostname}\n`);

  await emptyFolder(root, stateDirectory);
  await writeInRoot(root, `${stateDirectory}/generation`, '1\n', 0o600);
  await withdrawEnrolment(root);

  await emptyFolder(root, 'var/log/journal');
  await rm(insideRoot(root, 'var/lib/systemd/random-seed'), { force: true });
  await replaceHostKeys(root);
  for (const timer of otherUpdaters) await mask(root, timer);
}

/** Makes a key inside the root, which never leaves it, and gives a certificate request for it. */
export async function makeKey(root: string, hostname: string): Promise<string> {
  const key = insideRoot(root, keyFile);
  await run(['openssl', 'genpkey', '-quiet', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key]);
  return run(['openssl', 'req', '-new', '-key', key, '-subj', `/CN=${hostname}`]);
}

/** The clone is given its certificate; with the original's token its agent would enrol as the original. */
async function withdrawEnrolment(root: string): Promise<void> {
  const path = 'etc/patchcycle/agent.json';
  const file = insideRoot(root, path);
  if (!existsSync(file)) return;
  const { enrolment: _, ...kept } = agentConfigurationSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  await writeInRoot(root, path, `${JSON.stringify(kept, null, 2)}\n`, 0o600);
}

/** sshd does not make its keys again by itself; Debian's unit tests its configuration first, so they come before that. */
async function replaceHostKeys(root: string): Promise<void> {
  const folder = insideRoot(root, 'etc/ssh');
  if (!existsSync(folder)) return;
  const keys = readdirSync(folder).filter((name) => name.startsWith('ssh_host_'));
  if (keys.length === 0) return;
  for (const key of keys) await rm(join(folder, key));
  const before = [
    '[Service]',
    'ExecStartPre=',
    'ExecStartPre=/usr/bin/ssh-keygen -A',
    'ExecStartPre=/usr/sbin/sshd -t',
  ];
  await writeInRoot(root, 'etc/systemd/system/ssh.service.d/host-keys.conf', `${before.join('\n')}\n`);
}

async function mask(root: string, unit: string): Promise<void> {
  const link = join(insideRoot(root, 'etc/systemd/system'), unit);
  await rm(link, { force: true });
  await symlink('/dev/null', link);
}

async function emptyFolder(root: string, path: string): Promise<void> {
  const folder = insideRoot(root, path);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) await rm(join(folder, name), { recursive: true });
}
