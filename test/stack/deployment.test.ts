import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, inject, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { searchAttributes } from '../../workers/embedded/search-attributes.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { writeProgram } from '../setup/program.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

const compose = z
  .object({
    services: z.record(
      z.string(),
      z.object({
        command: z.array(z.string()).optional(),
        environment: z.record(z.string(), z.string()).optional(),
        depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
      }),
    ),
    configs: z.record(z.string(), z.object({ content: z.string() })),
  })
  .parse(parse(readFileSync(path.join(project, 'docker-compose.yml'), 'utf8'), { merge: true }));

/** A script of the compose file as it arrives in the container: compose writes `$` as `$$`. */
function script(name: string): string {
  return (compose.configs[name]?.content ?? '').replaceAll('$$', '$');
}

test('every file of ours that the image or the compose file starts is there', () => {
  const dockerfile = readFileSync(path.join(project, 'Dockerfile'), 'utf8');
  const named = [...`${dockerfile}\n${JSON.stringify(compose.services)}`.matchAll(/(?:workers|tools)\/[\w/-]+\.m?ts/g)];
  expect(named.length).toBeGreaterThanOrEqual(3);
  for (const [file] of named) expect(existsSync(path.join(project, file)), file).toBe(true);
});

test('a site worker is given no database', () => {
  expect(compose.services['control-worker']?.environment).toHaveProperty('DATABASE_URL');
  expect(compose.services['site-worker']?.environment).not.toHaveProperty('DATABASE_URL');
});

test('every service waits for one that is there', () => {
  const awaited = Object.values(compose.services).flatMap(({ depends_on }) => Object.keys(depends_on ?? {}));
  expect(awaited.filter((name) => !(name in compose.services))).toEqual([]);
});

test('the namespace script registers exactly our search attributes', () => {
  const folder = temporaryFolder();
  writeProgram(folder, 'temporal', 'echo "$*"');
  const { stdout, status } = spawnSync('/bin/sh', ['-c', script('temporal-namespace')], {
    encoding: 'utf8',
    env: { PATH: folder },
  });
  expect(status).toBe(0);
  const registered = [...stdout.matchAll(/search-attribute create .*--name (\w+) --type (\w+)/g)];
  expect(Object.fromEntries(registered.map(([, name, type]) => [name, type]))).toEqual(searchAttributes);
});

test('the namespace script works on a real server, also where everything is registered', () => {
  const { status, stderr } = spawnSync('/bin/sh', ['-c', script('temporal-namespace')], {
    encoding: 'utf8',
    env: { PATH: path.dirname(inject('temporalProgram')), TEMPORAL_ADDRESS: inject('temporalAddress') },
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
