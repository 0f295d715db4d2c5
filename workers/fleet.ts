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
import type { AgentConfiguration } from '../protocol/enrolment.ts';
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
  configureAgent(endpoint: string, enrolment: NonNullable<AgentConfiguration['enrolment']>): Promise<void>;
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
  const control = await authority.issueControl(controlDays);
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

/** Gives every endpoint that has not enrolled its address and a token that works once, and waits until all have. */
export async function enrolFleet(
  { tenants, authority, fleet }: { tenants: Tenants; authority: AuthorityPort; fleet: Fleet },
  files: ClientFiles,
): Promise<number> {
  const db = tenants.forClient(files.client.id);
  const known = await db.endpoint.findMany();
  for (const { name, siteId } of files.endpoints) {
    const endpointId = idIn(files.client.id, name);
    await db.endpoint.update({
      where: { id: endpointId },
      data: { address: toJson(await fleet.addressOf(name)) },
    });
    if (known.find((endpoint) => endpoint.id === endpointId)?.enrolledAt) continue;
    const { host, port } = await fleet.enrolmentAddress(siteId);
    const token = randomBytes(24).toString('base64url');
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
    await fleet.configureAgent(name, {
      url: `https://${host}:${port}/v1/enrol`,
      authority: await authority.certificate(),
      token,
    });
  }
  return untilEnrolled(tenants, files);
}

async function untilEnrolled(tenants: Tenants, files: ClientFiles): Promise<number> {
  const deadline = Date.now() + enrolSeconds * 1000;
  for (;;) {
    const missing = await tenants.forClient(files.client.id).endpoint.findMany({
      where: { enrolledAt: null, name: { in: files.endpoints.map((endpoint) => endpoint.name) } },
    });
    if (missing.length === 0) return files.endpoints.length;
    if (Date.now() > deadline) {
      const names = missing.map((endpoint) => endpoint.name).join(', ');
      throw new Error(`${names} did not enrol within ${enrolSeconds} seconds; see the log of their site's worker.`);
    }
    await delay(200);
  }
}
