/** The example of the compose file without containers: each service's own command, in the order they wait for each other. */
import { once } from 'node:events';
import path from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { readClientFiles } from '../../activities/adapters/policy-files/yaml.ts';
import { claimPorts } from '../../embedded/ports.ts';
import { startTemporal } from '../../embedded/temporal.ts';
import { searchAttributes } from '../../operator/search-attributes.ts';
import { createTestDatabase } from '../setup/database.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { until } from '../setup/until.ts';
import { type Started, project, startService, stopService } from '../setup/compose-file.ts';
import { openDatabase, tenantsOf } from '../../record/database.ts';

/** Many programs start at once, on a machine that may be busy. */
const startSeconds = 180;

test('every endpoint of the example enrols at its site', { timeout: 400_000 }, async () => {
  const folder = temporaryFolder();
  const { url, drop } = await createTestDatabase();
  const database = openDatabase(url);
  const temporal = await startTemporal({
    stateDirectory: folder,
    server: { program: inject('temporalProgram'), version: 'any', foundBy: 'the test' },
    port: 'any',
    uiPort: 'any',
    timers: 'to the millisecond',
    searchAttributes,
  });
  const started: Started[] = [];
  onTestFinished(async () => {
    await Promise.all(started.map(stopService));
    await temporal.stop();
    await database.$disconnect();
    await drop();
  });
  const [berlinPort, chicagoPort] = await claimPorts(2);
  const elsewhere = {
    'postgresql://patchcycle:${POSTGRES_PASSWORD:?set it to a password of letters and digits}@postgres:5432/patchcycle':
      url,
    'temporal:7233': temporal.address,
    '127.0.0.1:7444': `127.0.0.1:${berlinPort}`,
    '127.0.0.1:7445': `127.0.0.1:${chicagoPort}`,
    'port=7444': `port=${berlinPort}`,
    'port=7445': `port=${chicagoPort}`,
  };
  const start = (name: string) => {
    const service = startService(name, { folder, elsewhere });
    started.push(service);
    return service;
  };
  const complete = async (name: string) => {
    const { child, said } = start(name);
    const [code] = await once(child, 'exit');
    expect(code, `${name}: ${said()}`).toBe(0);
  };
  const untilSaid = async (name: string, words: string) => {
    const { child, said } = start(name);
    const says = () => {
      expect(child.exitCode, `${name}: ${said()}`).toBeNull();
      return said().includes(words);
    };
    await until(`${name} says: ${words}`, says, startSeconds);
  };

  await complete('migrations');
  await Promise.all([complete('berlin-identity'), complete('chicago-identity')]);
  await untilSaid('simulated-fleet', 'The simulated fleet answers');
  await Promise.all([
    complete('example-enrolment'),
    untilSaid('control-worker', 'control worker is ready'),
    untilSaid('berlin-worker', 'site worker of berlin.acme is ready'),
    untilSaid('chicago-worker', 'site worker of chicago.acme is ready'),
  ]);

  const { endpoint } = tenantsOf(database).forClient('acme');
  const { length: stated } = (await readClientFiles(path.join(project, 'examples', 'acme'))).endpoints;
  expect(await endpoint.count()).toBe(stated);
  await until('all have enrolled', async () => (await endpoint.count({ where: { enrolledAt: null } })) === 0);
});
