/** Runs the machine's own programs: arguments as a list, never through a shell. */
import { execFile } from 'node:child_process';

export type Ran = {
  /** Null when it was ended by a signal or never started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

/** The whole environment of every program: what the agent itself was started with changes nothing. */
export const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
  APT_LISTCHANGES_FRONTEND: 'none',
  /** Services are restarted when the control plane asks, not by a hook in the middle of an install. */
  NEEDRESTART_SUSPEND: '1',
} as const;

const usualMilliseconds = 60_000;
const maximumOutputBytes = 64 * 1024 * 1024;

/** Never throws: a program that cannot be run has code null and says why in `stderr`. */
export function run(
  program: string,
  args: readonly string[],
  { milliseconds = usualMilliseconds, directory = '/' }: { milliseconds?: number; directory?: string } = {},
): Promise<Ran> {
  const options = {
    cwd: directory,
    env: environment,
    timeout: milliseconds,
    killSignal: 'SIGKILL',
    maxBuffer: maximumOutputBytes,
  } as const;
  return new Promise((resolve) => {
    const child = execFile(program, [...args], options, (error, stdout, stderr) => {
      if (!error) return resolve({ code: 0, stdout, stderr });
      if (typeof error.code === 'number') return resolve({ code: error.code, stdout, stderr });
      const why = error.killed ? `${program} did not end within ${milliseconds / 1000} s` : error.message;
      resolve({ code: null, stdout, stderr: `${stderr}${why}\n` });
    });
    child.stdin?.end();
  });
}

/** `systemctl`, asked once more when it fails: it may do so at the moment systemd itself is upgraded. */
export async function systemctl(...args: readonly string[]): Promise<Ran> {
  const first = await run('systemctl', args);
  return first.code === 0 ? first : run('systemctl', args);
}
