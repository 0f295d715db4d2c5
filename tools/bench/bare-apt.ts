/** The floor: what the same updates take with apt-get alone, in all endpoints at once. */
import { unattended } from '../../agent/debian/apt/apt-get.ts';
import { parseSimulation } from '../../agent/debian/apt/simulation.ts';
import { environment } from '../../agent/debian/program.ts';
import { execIn } from '../../fleets/lab/machine.ts';

export type Pending = {
  readonly package: string;
  /** As apt-get is told it: `libssl3:amd64=3.0.17-1~deb12u3`. */
  readonly specification: string;
};

/** How the agent calls apt-get, but with apt's own folder for what it fetches. */
const options = unattended.filter((option) => !option.startsWith('-oDir::'));

/** The security updates that an endpoint is offered now. */
export async function pendingSecurity(directory: string, endpoint: string): Promise<readonly Pending[]> {
  await update(directory, endpoint);
  const planned = await inside(directory, endpoint, ['apt-get', '--simulate', ...options, 'dist-upgrade']);
  return parseSimulation(planned)
    .installs.filter(({ from, origins }) => from !== null && origins.some((origin) => origin.includes('-security')))
    .map(({ package: name, architecture, to }) => ({
      package: name,
      specification: `${architecture === 'all' ? name : `${name}:${architecture}`}=${to}`,
    }));
}

/** Updates the lists and installs exactly these versions, in all endpoints at once. */
export async function installBare(
  directory: string,
  endpoints: readonly string[],
  pending: readonly Pending[],
): Promise<void> {
  const specifications = pending.map(({ specification }) => specification);
  await Promise.all(
    endpoints.map(async (endpoint) => {
      await update(directory, endpoint);
      await inside(directory, endpoint, ['apt-get', 'install', ...options, ...specifications]);
    }),
  );
}

/** What an endpoint has installed, a line for each package. */
export function installedIn(directory: string, endpoint: string): Promise<string> {
  const format = '${binary:Package} ${Version} ${db:Status-Abbrev}\\n';
  return inside(directory, endpoint, ['dpkg-query', '--show', `--showformat=${format}`]);
}

async function update(directory: string, endpoint: string): Promise<void> {
  await inside(directory, endpoint, ['apt-get', 'update', '--quiet', '-oAPT::Update::Error-Mode=any']);
}

async function inside(directory: string, endpoint: string, argv: readonly string[]): Promise<string> {
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const end = await execIn(directory, endpoint, ['/usr/bin/env', ...settings, ...argv]);
  if (end.status === 0) return end.stdout;
  throw new Error(`${argv.slice(0, 2).join(' ')} in ${endpoint} ended with ${end.status}: ${end.stderr.trim()}`);
}
