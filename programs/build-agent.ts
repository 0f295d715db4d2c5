/**
 * Builds the agent: one executable file with its runtime inside (Node's single executable application), so that an
 * endpoint needs nothing installed. Made again only when what it is made of has changed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { agentRuntime } from './agent-runtime.ts';
import { makeWhole, writeWhole } from '../system/whole-files.ts';

const project = fileURLToPath(new URL('..', import.meta.url));
const programName = 'patchcycle-agent';
export const agentProgram = join(project, 'dist', programName);

/** From Node's documentation of single executable applications; Node looks for its blob where this stands. */
const sentinelFuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const blobName = 'NODE_SEA_BLOB';
/** The code cache spares every start the compilation: a run of the package manager starts this program several times. */
const settings = { disableExperimentalSEAWarning: true, useCodeCache: true };
const postject = createRequire(import.meta.url).resolve('postject/dist/cli.js');

/**
 * Returns whether it had to be made. Throws when esbuild or Node fails, or where the agent's runtime cannot run; an
 * earlier program is left as it was.
 * @param runtime the Node that it carries, and that makes its code cache
 */
export async function buildAgent(
  program = agentProgram,
  runtime = agentRuntime(),
): Promise<{ readonly program: string; readonly made: boolean }> {
  const script = await bundle();
  const sum = await sumOf(script, runtime);
  const sumFile = `${program}.sum`;
  if ((await readFile(sumFile, 'utf8').catch(() => '')) === sum && existsSync(program)) {
    return { program, made: false };
  }
  const folder = await mkdtemp(join(tmpdir(), 'patchcycle-build-'));
  try {
    await putInPlace(await assemble(folder, script, runtime), program);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await writeWhole(sumFile, sum);
  return { program, made: true };
}

/** Of all that the program is made of: a runtime with the same version and other bytes makes another agent. */
async function sumOf(script: Uint8Array, runtime: string): Promise<string> {
  const sum = createHash('sha256').update(script).update(JSON.stringify(settings));
  await pipeline(createReadStream(runtime), sum);
  return sum.digest('hex');
}

/** The whole agent as one CommonJS text, without comments, paths or source maps of this machine. */
async function bundle(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    absWorkingDir: project,
    entryPoints: ['agent/main.ts'],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    write: false,
    logLevel: 'warning',
  });
  const [file] = outputFiles;
  if (!file) throw new Error('esbuild made nothing of agent/main.ts.');
  return file.contents;
}

/** Returns the path of the program, in the same folder. */
async function assemble(folder: string, script: Uint8Array, runtime: string): Promise<string> {
  const [main, output, configuration] = ['agent.cjs', 'agent.blob', 'sea.json'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(main, script);
  await writeFile(configuration, JSON.stringify({ main: 'agent.cjs', output: 'agent.blob', ...settings }));
  await run(runtime, ['--experimental-sea-config', 'sea.json'], folder);
  const program = join(folder, programName);
  await copyFile(runtime, program);
  await chmod(program, 0o755);
  await run(process.execPath, [postject, program, blobName, output, '--sentinel-fuse', sentinelFuse], folder);
  return program;
}

/** Whole or not at all: what runs from there goes on with the earlier one. */
async function putInPlace(made: string, program: string): Promise<void> {
  await mkdir(dirname(program), { recursive: true });
  await makeWhole(program, (unfinished) => copyFile(made, unfinished));
}

function run(program: string, args: readonly string[], folder: string): Promise<unknown> {
  return promisify(execFile)(program, [...args], { cwd: folder });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { program, made } = await buildAgent();
  console.log(made ? `Made ${program}.` : `${program} is up to date.`);
}
