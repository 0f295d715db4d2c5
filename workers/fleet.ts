/** The fleets to try Patchcycle on: brought up, enrolled, switched. Nothing above the agent knows which it is. */
import { randomBytes, createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuthorityPort } from '../activities/ports/authority.ts';
import type { Tenants } from '../activities/ports/database.ts';
import { toJson } from '../activities/audit-trail.ts';
import { idIn } from '../domain/cycle.ts';
import type { AgentAddress } from '../domain/endpoint.ts';
import type { ClientFiles } from '../domain/policy.ts';
import { type WrittenAgentConfiguration, controlNameOf, tokenBytes } from '../protocol/enrolment.ts';
import type { WorkerPlan } from './embedded/supervisor.ts';

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

const controlDays = 365;
const tokenHours = 1;
const enrolSeconds = 120;

/** Writes what a site's worker is known by, and what its enrolment service shows, into a folder of its own. */
export async function writeSiteIdentity(
  authority: AuthorityPort,
  folder: string,
  site: { readonly name: string; readonly enrolmentHost: string },
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const control = await authority.issueControl(controlDays, site.name);
  const enrolment = await authority.issueServer({
    name: `enrolment.${site.name}`,
    addresses: [site.enrolmentHost],
    validityDays: controlDays,
  });
  const files = {
    'key.pem': control.key,
    'certificate.pem': control.certificate,
    'authority.pem': await authority.certificate(),
    'enrolment-key.pem': enrolment.key,
    'enrolment-certificate.pem': enrolment.certificate,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content, { mode: 0o600 });
}

/**
 * Gives every endpoint that has not enrolled its address and a token that works once, and waits until all have. A
 * machine that was made anew since is another one under the same name: it enrols again and counts its restores anew.
 */
export async function enrolFleet(
  { tenants, authority, fleet }: { tenants: Tenants; authority: AuthorityPort; fleet: Fleet },
  files: ClientFiles,
  signal?: AbortSignal,
): Promise<number> {
  const db = tenants.forClient(files.client.id);
  const known = await db.endpoint.findMany();
  for (const { name, siteId } of files.endpoints) {
    const endpointId = idIn(files.client.id, name);
    const address = toJson(await fleet.addressOf(name));
    const enrolled = known.some((endpoint) => endpoint.id === endpointId && endpoint.enrolledAt !== null);
    const present = enrolled && (await fleet.hasIdentity(name));
    const anew = enrolled && !present ? { generation: 1, enrolledAt: null } : {};
    await db.endpoint.update({ where: { id: endpointId }, data: { address, ...anew } });
    if (present) continue;
    const { host, port } = await fleet.enrolmentAddress(siteId);
    const token = randomBytes(tokenBytes).toString('base64url');
    const createdAt = new Date();
    await db.enrolmentToken.create({
      data: {
        tokenDigest: createHash('sha256').update(token).digest('hex'),
        clientId: files.client.id,
        endpointId,
        createdAt,
        expiresAt: new Date(createdAt.getTime() + tokenHours * 60 * 60 * 1000),
      },
    });
    const url = `https://${host}:${port}/v1/enrol`;
    await fleet.configureAgent(name, {
      caller: controlNameOf(idIn(files.client.id, siteId)),
      enrolment: { url, authority: await authority.certificate(), token },
    });
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
