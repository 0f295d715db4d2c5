/** How the machines of a fleet enrol, all at once, without a person at each of them. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorityPort } from '../activities/ports/authority.ts';
import type { ClientFiles } from '../domain/policies/policy.ts';
import { idIn } from '../domain/ids.ts';
import type { Fleet } from '../fleets/fleet.ts';
import { toJson } from '../record/audit.ts';
import type { Tenants } from '../record/database.ts';
import { enrolmentUrl, inviteEndpoint } from './enrolment.ts';

const enrolSeconds = 120;

/**
 * Gives every endpoint that has not enrolled its address and a token that works once, and waits until all have. A
 * machine that was rebuilt since is another one under the same name: it enrols again and counts its restores from the
 * start.
 */
export async function enrolFleet(
  { tenants, authority, fleet }: { tenants: Tenants; authority: AuthorityPort; fleet: Fleet },
  files: ClientFiles,
  signal?: AbortSignal,
): Promise<number> {
  const clientId = files.client.id;
  const db = tenants.forClient(clientId);
  const known = await db.endpoint.findMany();
  const enroller = { tenants, authority: await authority.certificate() };
  for (const { name, siteId: site } of files.endpoints) {
    const id = idIn(clientId, name);
    const address = await fleet.addressOf(name);
    const enrolled = known.some((endpoint) => endpoint.id === id && endpoint.enrolledAt !== null);
    if (enrolled && (await fleet.hasIdentity(name))) {
      await db.endpoint.update({ where: { id }, data: { address: toJson(address) } });
      continue;
    }
    const { host, port } = await fleet.enrolmentAddress(site);
    const invited = { clientId, name, siteId: idIn(clientId, site), address, url: enrolmentUrl(host, port) };
    const { configuration } = await inviteEndpoint(enroller, { ...invited, rebuilt: enrolled });
    await fleet.configureAgent(name, configuration);
  }
  await untilEnrolled({ tenants, fleet }, files, signal);
  return files.endpoints.length;
}

/** Until the certificates are where they belong, too: a machine that is switched off before that has none. */
async function untilEnrolled(
  { tenants, fleet }: { tenants: Tenants; fleet: Fleet },
  files: ClientFiles,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = Date.now() + enrolSeconds * 1000;
  for (;;) {
    const names = await withoutIdentity(tenants, fleet, files);
    if (names.length === 0) return;
    if (Date.now() > deadline)
      throw new Error(
        `${names.join(', ')} did not enrol within ${enrolSeconds} seconds; see the log of their site's worker.`,
      );
    await delay(200, undefined, { signal });
  }
}

async function withoutIdentity(tenants: Tenants, fleet: Fleet, files: ClientFiles): Promise<readonly string[]> {
  const stated = files.endpoints.map(({ name }) => name);
  const db = tenants.forClient(files.client.id);
  const enrolled = await db.endpoint.findMany({ where: { enrolledAt: { not: null }, name: { in: stated } } });
  const present = await Promise.all(enrolled.map(async ({ name }) => ((await fleet.hasIdentity(name)) ? [name] : [])));
  const done = new Set(present.flat());
  return stated.filter((name) => !done.has(name));
}
