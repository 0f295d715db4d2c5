/**
 * Builds the agent: one executable file with its runtime inside (Node's single executable application), so that an
 * endpoint needs nothing installed. Made again only when what it is made of has changed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const project = fileURLToPath(new URL('..', import.meta.url));
export const agentProgram = join(project, 'dist', 'patchcycle-agent');
const sumFile = `${agentProgram}.sum`;

/** From Node's documentation of single executable applications; Node looks for its blob where this stands. */
const sentinelFuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const blobName = 'NODE_SEA_BLOB';
/** The code cache spares every start the compilation: a run of the package manager starts this program several times. */
const settings = { disableExperimentalSEAWarning: true, useCodeCache: true };
const postject = createRequire(import.meta.url).resolve('postject/dist/cli.js');

/** Returns whether it had to be made. Throws when esbuild or Node fails; an earlier program is left as it was. */
export async function buildAgent(): Promise<{ readonly program: string; readonly made: boolean }> {
  const script = await bundle();
  const made = [JSON.stringify(settings), process.version, process.arch].join('\n');
  const sum = createHash('sha256').update(script).update(made).digest('hex');
  if ((await readFile(sumFile, 'utf8').catch(() => '')) === sum && existsSync(agentProgram)) {
    return { program: agentProgram, made: false };
  }
  const folder = await mkdtemp(join(tmpdir(), 'patchcycle-build-'));
  try {
    await assemble(folder, script);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await writeFile(sumFile, sum);
  return { program: agentProgram, made: true };
}

/** The whole agent as one CommonJS text, without comments, paths or source maps of this machine. */
async function bundle(): Promise<Uint8Array> {
  const { outputFiles } = await build({
    absWorkingDir: project,
    entryPoints: ['agent/main.ts'],
    bundle: true,
    platform: 'node',
    target: 'node20',
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

async function assemble(folder: string, script: Uint8Array): Promise<void> {
  const [main, output, configuration] = ['agent.cjs', 'agent.blob', 'sea.json'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(main, script);
  await writeFile(configuration, JSON.stringify({ main: 'agent.cjs', output: 'agent.blob', ...settings }));
  await runNode(['--experimental-sea-config', 'sea.json'], folder);
  const program = join(folder, 'patchcycle-agent');
  await copyFile(process.execPath, program);
  await chmod(program, 0o755);
  await runNode([postject, program, blobName, output, '--sentinel-fuse', sentinelFuse], folder);
  await mkdir(join(project, 'dist'), { recursive: true });
  // A name of its own: another process may build at the same time.
  const unfinished = `${agentProgram}.${process.pid}`;
  await copyFile(program, unfinished);
  await rename(unfinished, agentProgram);
}

function runNode(args: readonly string[], folder: string): Promise<unknown> {
  return promisify(execFile)(process.execPath, [...args], { cwd: folder });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { program, made } = await buildAgent();
  console.log(made ? `Made ${program}.` : `${program} is up to date.`);
}
