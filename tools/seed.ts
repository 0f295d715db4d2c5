/** `npm run seed -- [STATE_DIRECTORY]`: puts a finished cycle of the example client on record, for work on commands and reports. */
import { fileURLToPath } from 'node:url';
import { readClientFiles } from '../activities/adapters/policy-files/yaml.ts';
import { applyClient } from '../operator/apply.ts';
import { openDatabase, tenantsOf } from '../record/database.ts';
import { plantCycle, plantRecord } from '../test/setup/record/planted-cycle.ts';
import { runningDatabase } from './running-database.ts';

async function seed(databaseUrl: string): Promise<string> {
  const files = await readClientFiles(fileURLToPath(new URL('../examples/acme', import.meta.url)));
  const database = openDatabase(databaseUrl);
  try {
    const tenants = tenantsOf(database);
    await applyClient(tenants, files, 'dana');
    const clientId = files.client.id;
    // A further one each time: what is on record stays.
    const number = 1 + (await tenants.forClient(clientId).cycle.count());
    const members = files.endpoints.map(({ name }, index) => ({
      endpoint: name,
      ring: index === 0 ? 'canary' : 'rest',
      ...(index === 1 ? rolledBack : patched),
      patches: ['cron=3.0pl1-162', 'libssl3=3.0.22-1~deb12u2'],
    }));
    const cycleId = await plantCycle(tenants, clientId, { number, state: 'finished', members });
    await plantRecord(tenants, clientId, cycleId, ['canary', 'rest']);
    await tenants.forClient(clientId).cycle.update({ where: { id: cycleId }, data: { endedAt: new Date() } });
    return cycleId;
  } finally {
    await database.$disconnect();
  }
}

const patched = { outcome: 'patched', reasons: ['every planned version was observed'] };
const rolledBack = { outcome: 'rolled back', reasons: ['the service cron failed after the patch'] };

const databaseUrl = runningDatabase(process.argv[2]);
if (databaseUrl !== undefined) console.log(`Put ${await seed(databaseUrl)} on record: patchcycle report shows it.`);
