/**
 * The Node that the agent carries: a package of npm for each platform, its version and hash in the lock file. Run as a
 * program, it runs what is named on its command line with that Node.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const packages = fileURLToPath(new URL('../node_modules', import.meta.url));

/**
 * The path of Node's program, for the machine that asks: the agent's code cache is of use only to the version and the
 * processor that made it, so that each agent is built where its own runtime can run.
 * @throws Error where it cannot run, or where npm has not installed it
 */
export function agentRuntime(platform: string = process.platform, architecture: string = process.arch): string {
  if (platform !== 'linux' || (architecture !== 'x64' && architecture !== 'arm64')) {
    throw new Error(
      `The agent's runtime does not run on ${platform} with ${architecture}: ` +
        'build the agent on Linux, on a machine with the processor of its endpoints (x64 or arm64).',
    );
  }
  const name = `node-linux-${architecture}`;
  const program = join(packages, name, 'bin', 'node');
  if (existsSync(program)) return program;
  throw new Error(`The agent's runtime is missing: install the package ${name} with npm ci --include=optional.`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { status, error } = spawnSync(agentRuntime(), process.argv.slice(2), { stdio: 'inherit' });
  if (error) throw error;
  process.exitCode = status ?? 1;
}
