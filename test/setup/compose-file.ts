/** docker-compose.yml as the tests read it, and its services as processes of this machine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

export const project = fileURLToPath(new URL('../..', import.meta.url));

const argv = z.array(z.string());

export const compose = z
  .object({
    services: z.record(
      z.string(),
      z.object({
        command: argv.optional(),
        environment: z.record(z.string(), z.string()).optional(),
        depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
        volumes: argv.optional(),
        configs: z.array(z.object({ source: z.string(), target: z.string() })).optional(),
      }),
    ),
    configs: z.record(z.string(), z.object({ content: z.string() })),
  })
  .parse(parse(readFileSync(path.join(project, 'docker-compose.yml'), 'utf8'), { merge: true }));

/** A script of the compose file as it arrives in the container: compose writes `$` as `$$`. */
export function script(name: string): string {
  return (compose.configs[name]?.content ?? '').replaceAll('$$', '$');
}

export type Started = { readonly child: ChildProcess; readonly said: () => string };

/**
 * Starts what a service of ours starts in its container: its command and environment to the letter, but each volume is
 * a folder of `folder`, and `elsewhere` says what stands where the containers' names and ports would.
 */
export function startService(
  name: string,
  { folder, elsewhere }: { readonly folder: string; readonly elsewhere: Readonly<Record<string, string>> },
): Started {
  const service = compose.services[name];
  if (!service?.command) throw new Error(`The compose file has no service ${name} with a command.`);
  const places = (service.volumes ?? []).map((volume) => {
    const [source = '', target = ''] = volume.split(':');
    mkdirSync(path.join(folder, source), { recursive: true, mode: 0o700 });
    return [target, path.join(folder, source)] as const;
  });
  const here = (text: string) =>
    [...places, ...Object.entries(elsewhere)].reduce((moved, [there, place]) => moved.replaceAll(there, place), text);
  const scripts = new Map(service.configs?.map(({ source, target }) => [target, here(script(source))]));
  const [program = '', ...args] = service.command.flatMap((word) => {
    const content = scripts.get(word);
    return content === undefined ? [here(word)] : ['-c', content];
  });
  const environment = Object.entries(service.environment ?? {}).map(([key, value]) => [key, here(value)] as const);
  const child = spawn(program, args, {
    cwd: project,
    env: { PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`, ...Object.fromEntries(environment) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, said: () => said };
}

/** Ends a service as a container's runtime does. */
export async function stopService({ child }: Started): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
