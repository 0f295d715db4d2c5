import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, inject, test } from 'vitest';
import { searchAttributes } from '../../operator/search-attributes.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { writeProgram } from '../setup/program.ts';
import { compose, project, script } from '../setup/compose-file.ts';

const siteWorkers = Object.entries(compose.services).filter(([name]) => /^(berlin|chicago)-worker$/.test(name));

test('every file of ours that the image or the compose file starts is there', () => {
  const dockerfile = readFileSync(path.join(project, 'Dockerfile'), 'utf8');
  const named = [
    ...`${dockerfile}\n${JSON.stringify(compose.services)}`.matchAll(
      /(?:workers|prisma|fleets|cli)\/[\w/-]+\.(?:mjs|js|ts)/g,
    ),
  ];
  expect(named.length).toBeGreaterThanOrEqual(3);
  for (const [file] of named) expect(existsSync(path.join(project, file)), file).toBe(true);
});

test('a site worker is given no database', () => {
  expect(compose.services['control-worker']?.environment).toHaveProperty('DATABASE_URL');
  expect(siteWorkers).toHaveLength(2);
  for (const [name, { environment }] of siteWorkers) expect(environment, name).not.toHaveProperty('DATABASE_URL');
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
