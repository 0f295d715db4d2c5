/** Runs apt-get and dpkg inside a run's unit: their output goes where the unit's goes, and each has a limit. */
import { spawn } from 'node:child_process';
import { environment } from '../program.ts';

/** Ends with its code; null when it was ended by a signal, by us at its limit or by another process. */
export function runHere(program: string, args: readonly string[], limitSeconds: number): Promise<number | null> {
  console.log(`$ ${[program, ...args].join(' ')}`);
  return new Promise((resolve, reject) => {
    // A process group of its own, so that a maintainer script that hangs is ended with dpkg.
    const child = spawn(program, args, {
      env: environment,
      cwd: '/',
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const timer = setTimeout(() => {
      console.log(`${program} did not end within ${limitSeconds} s and is ended.`);
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    }, limitSeconds * 1000);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}
