import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { DiffTarget } from '@prisma/schema-engine-wasm';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import { __wbg_set_wasm as setWebAssembly, SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';
import { readMigrations } from '../../prisma/migrate.ts';
import { shadowAdapter } from './shadow-adapter.ts';

/** Node has it, our type libraries do not: as much of it as is used here. */
declare const WebAssembly: {
  instantiate(
    program: Uint8Array,
    imports: Readonly<Record<string, object>>,
  ): Promise<{ readonly instance: { readonly exports: { __wbindgen_start(): void } } }>;
};

/** As Prisma writes it beside the migrations. */
export const migrationLock = 'provider = "postgresql"\n';

export type SchemaFiles = { readonly schemaFile: string; readonly migrationsFolder: string };

/**
 * The SQL that leads from what the migrations build to what the schema wants; empty when they agree. Prisma's own
 * engine compares them, in WebAssembly, over a shadow database that it makes and drops on the server of the URL.
 * Triggers, CHECKs and partial indexes written by hand are not seen; a renamed column comes out as DROP and ADD.
 */
export async function missingMigration(databaseUrl: string, files: SchemaFiles): Promise<string> {
  const schema = { path: files.schemaFile, content: readFileSync(files.schemaFile, 'utf8') };
  const engine = await startEngine(databaseUrl, schema);
  const difference = await engine.diff({
    from: migrationsTarget(files.migrationsFolder),
    to: { tag: 'schemaDatamodel', files: [schema] },
    script: true,
    exitCode: true,
    filters: { externalTables: [], externalEnums: [] },
  });
  return difference.exitCode === 0 ? '' : (difference.stdout ?? '');
}

async function startEngine(databaseUrl: string, schema: { path: string; content: string }): Promise<SchemaEngine> {
  loading ??= loadEngine();
  await loading;
  return SchemaEngine.new({ datamodels: [[schema.path, schema.content]] }, () => undefined, shadowAdapter(databaseUrl));
}

/** Once a process: the bindings know one instance, and a second one would work on the memory of the first. */
let loading: Promise<void> | undefined;

/** Node imports no WebAssembly by itself, so the engine's bindings are given theirs by hand. */
async function loadEngine(): Promise<void> {
  // The engine looks for this global when it panics; without it the panic is unreadable.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: {
      set_message: (message: string) => console.error(`Prisma's schema engine broke down: ${message}`),
    },
  });
  const home = path.dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm'));
  const program = readFileSync(path.join(home, 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(program, { './schema_engine_bg.js': { ...bindings } });
  setWebAssembly(instance.exports);
  instance.exports['__wbindgen_start']();
}

function migrationsTarget(folder: string): DiffTarget {
  return {
    tag: 'migrations',
    baseDir: folder,
    shadowDbInitScript: '',
    lockfile: { path: 'migration_lock.toml', content: migrationLock },
    migrationDirectories: readMigrations(folder).map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
    })),
  };
}
