/** The fleets to try Patchcycle on: brought up, enrolled, switched. Nothing above the agent knows which it is. */
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorityPort } from '../activities/ports/authority.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { toJson } from '../activities/audit-trail.ts';
import { idIn } from '../domain/cycle.ts';
import type { AgentAddress } from '../domain/endpoint.ts';
import type { ClientFiles } from '../domain/policy.ts';
import type { WrittenAgentConfiguration } from '../protocol/enrolment.ts';
import type { WorkerPlan } from './embedded/supervisor.ts';
import { enrolmentUrl, inviteEndpoint } from './enrolment.ts';

/** What the stack and the demo need of a fleet, simulated or real. */
export interface Fleet {
  readonly kind: 'lab' | 'simulated';
  /** What it is, in a sentence. */
  readonly words: string;
  /** For PATCHCYCLE_FLEET. */
  readonly reference: string;
  /** Makes the fleet. Called again it makes what is missing. */
  up(files: ClientFiles, say: (line: string) => void): Promise<void>;
  /** Processes of the fleet itself that the supervisor keeps running. */
  processes(): readonly WorkerPlan[];
  /** The argv prefix by which a worker runs on a site's network. */
  commandInSite(site: string): readonly string[];
  /** Lets the sites reach the Temporal server of this machine, and nothing else. */
  openPassage(temporalPort: number): Promise<void>;
  /** Where a site's endpoints enrol: an address of the site's network. */
  enrolmentAddress(site: string): Promise<{ host: string; port: number }>;
  addressOf(endpoint: string): Promise<AgentAddress>;
  /** Tells its agent where it enrols, and whom it answers. */
  configureAgent(
    endpoint: string,
    configuration: Pick<WrittenAgentConfiguration, 'caller' | 'enrolment'>,
  ): Promise<void>;
  /** Whether its agent has a certificate: a machine that was made anew has none. */
  hasIdentity(endpoint: string): Promise<boolean>;
  power(endpoint: string, order: 'on' | 'off' | 'cut'): Promise<void>;
  /** Takes everything away that `up` made. */
  down(): Promise<void>;
}

const enrolSeconds = 120;

/**
 * Gives every endpoint that has not enrolled its address and a token that works once, and waits until all have. A
 * machine that was made anew since is another one under the same name: it enrols again and counts its restores anew.
 */
export async function enrolFleet(
  { tenants, authority, fleet }: { tenants: Tenants; authority: AuthorityPort; fleet: Fleet },
  files: ClientFiles,
  signal?: AbortSignal,
): Promise<number> {
  const clientId = files.client.id;
  const db = tenants.forClient(clientId);
  const known = await db.endpoint.findMany();
  const door = { tenants, authority: await authority.certificate() };
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
    const { configuration } = await inviteEndpoint(door, { ...invited, anew: enrolled });
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
