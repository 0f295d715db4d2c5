/**
 * Our programs as plain JavaScript: all of our own in one bundle, packages beside it as they are. So a program starts
 * in a fraction of the time it takes to read TypeScript. A bundle is made again when any source differs by a byte: what
 * runs is what stands there. Plain JavaScript itself, since it runs before anything else of ours.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const bundles = path.join(project, 'node_modules', '.cache', 'patchcycle');

/** Folders without anything that a program of ours imports: reports-out is where the command writes reports. */
const noSources = ['data', 'dist', 'docs', 'examples', 'node_modules', 'reports-out', 'test'];
/** What says how sources are read, and by which version of what. */
const settings = ['package-lock.json', 'tsconfig.json'];
/** Longer than any command lasts: it reads a part of its bundle when it first needs it. */
const keptDays = 3;

/**
 * Runs a program: one of ours from its bundle. Others, and ours where nothing may be written beside the packages, are
 * read as they stand.
 * @param {URL} program TypeScript
 */
export async function run(program) {
  const entry = path.relative(project, fileURLToPath(program));
  const isOurs = sourceFolders().includes(entry.split(path.sep)[0]);
  const bundle = isOurs ? await madeOnce(entry, bundleProgram).catch(() => null) : null;
  if (bundle) return import(pathToFileURL(path.join(bundle, 'main.mjs')).href);
  const { register } = await import('tsx/esm/api');
  register();
  return import(program.href);
}

/**
 * The folder with what was made of our sources as they are now. The process that asks first makes it.
 * @param {string} what from which it is made: `cli/main.ts`
 * @param {(what: string, folder: string) => Promise<unknown>} make
 * @throws Error when it cannot be made, or not be written beside the packages
 */
export async function madeOnce(what, make) {
  for (;;) {
    const digest = digestFor(what);
    const folder = path.join(bundles, digest);
    if (existsSync(folder)) return folder;
    const unfinished = `${folder}.${process.pid}`;
    try {
      mkdirSync(unfinished, { recursive: true });
      await make(what, unfinished);
      // Sources that were written meanwhile may have been read half old, half new.
      if (digestFor(what) === digest) keep(unfinished, folder);
    } finally {
      rmSync(unfinished, { recursive: true, force: true });
    }
    removeOld();
  }
}

/**
 * Says of which sources a program is made, by which Node: another digest, another bundle.
 * @param {string} what from which it is made: `workers/site-worker.ts`
 * @returns {string}
 */
export function digestFor(what) {
  const hash = createHash('sha256').update(JSON.stringify([project, what, process.version]));
  for (const file of [...settings, ...sourceFolders().flatMap(sourcesIn)]) {
    const content = readFileSync(path.join(project, file));
    hash.update(`${file} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

function sourceFolders() {
  return readdirSync(project, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !noSources.includes(entry.name))
    .map(({ name }) => name)
    .toSorted();
}

/** Prisma's models are left out: types alone, and more than everything else. */
function sourcesIn(folder) {
  return readdirSync(path.join(project, folder), { recursive: true })
    .filter((name) => /\.(?:ts|mjs|json)$/.test(name) && !name.startsWith(path.join('generated', 'models')))
    .map((name) => path.join(folder, name))
    .toSorted();
}

async function bundleProgram(entry, outdir) {
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: project,
    entryPoints: { main: entry },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    // What a program imports when it needs it stays apart until then.
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    plugins: [ownAddresses],
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'silent',
  });
}

/** Each source goes on finding what lies beside it, wherever its bundle lies. */
const ownAddresses = {
  name: 'own addresses',
  setup(build) {
    build.onLoad({ filter: /\.(?:ts|mjs)$/ }, ({ path: file }) => {
      const own = { url: pathToFileURL(file).href, dirname: path.dirname(file), filename: file };
      const contents = readFileSync(file, 'utf8').replaceAll(/\bimport\.meta\.(url|dirname|filename)\b/g, (_, name) =>
        JSON.stringify(own[name]),
      );
      return { contents, loader: 'ts' };
    });
  },
};

function keep(unfinished, folder) {
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // Another start was faster: what it made is the same.
    if (!existsSync(folder)) throw error;
  }
}

function removeOld() {
  const oldest = Date.now() - keptDays * 24 * 60 * 60 * 1000;
  for (const name of readdirSync(bundles)) {
    const folder = path.join(bundles, name);
    const made = statSync(folder, { throwIfNoEntry: false });
    if (made && made.mtimeMs < oldest) removeUnlessOfAnother(folder);
  }
}

/** Root may have made it in a checkout of ours; it only takes room. */
function removeUnlessOfAnother(folder) {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error;
  }
}
