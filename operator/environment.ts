/**
 * What a command finds in its environment. Besides workers/config.ts the only place of the control plane that reads it.
 */
import { homedir } from 'node:os';
import { InvalidRequest } from './errors.ts';

/** The database that the environment names, for commands against servers that are not ours; undefined without one. */
export function databaseUrlOf(environment = process.env): string | undefined {
  return environment['DATABASE_URL'] || undefined;
}

/**
 * The folder of the certificate authority that the environment names, for commands that need it; undefined without one.
 */
export function authorityFolderOf(environment = process.env): string | undefined {
  return environment['PATCHCYCLE_AUTHORITY'] || undefined;
}

/** Who gives an order where no name is given: the person at the keyboard. */
export function personAtKeyboard(environment = process.env): string {
  return environment['SUDO_USER'] ?? environment['USER'] ?? 'operator';
}

/**
 * The embedded servers as people run them: nothing lost at a power cut, timers as Temporal has them; a Temporal program
 * and ports where they are given (`any` for one that nobody usually listens on). What was fetched is kept for every
 * project of this user.
 * @throws InvalidRequest when a port is given that is none
 */
export function embeddedServers(environment = process.env) {
  const caches = environment['XDG_CACHE_HOME'] ?? `${environment['HOME'] ?? homedir()}/.cache`;
  return {
    postgres: { port: portOf('PATCHCYCLE_POSTGRES_PORT', environment), durable: true },
    temporal: {
      program: environment['PATCHCYCLE_TEMPORAL_PROGRAM'] || undefined,
      port: portOf('PATCHCYCLE_TEMPORAL_PORT', environment),
      uiPort: portOf('PATCHCYCLE_TEMPORAL_UI_PORT', environment),
      timers: 'rounded up',
      searchPath: environment['PATH'] ?? '',
      cacheDirectory: `${caches}/patchcycle`,
    },
  } as const;
}

/** By hand: whoever asks for help should not wait for a library that checks ports. */
function portOf(name: string, environment: NodeJS.ProcessEnv): number | 'any' | undefined {
  const text = environment[name];
  if (!text) return undefined;
  if (text === 'any') return text;
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new InvalidRequest(`${name} is ${text}: write a port, a whole number from 1 to 65535, or "any".`);
}
