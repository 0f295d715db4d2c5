/** How sites and endpoints come by what they are known by: certificates of the provider's authority. */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openAuthority } from '../activities/adapters/certificates/authority.ts';
import { toJson } from '../record/audit.ts';
import type { AuthorityPort } from '../activities/ports/authority.ts';
import type { Tenants } from '../record/database.ts';
import type { AgentAddress } from '../domain/endpoints/endpoint.ts';
import { agentPort } from '../protocol/agent.ts';
import { type WrittenAgentConfiguration, controlNameOf, enrolmentPort, tokenBytes } from '../protocol/enrolment.ts';
import { InvalidRequest } from './errors.ts';
import { idIn } from '../domain/ids.ts';
import { writeFiles } from '../system/whole-files.ts';
import { dayMilliseconds } from '../record/instants.ts';

const controlDays = 365;
const tokenHours = 1;
const authorityFiles = { key: 'authority-key.pem', certificate: 'authority.pem' } as const;
/** Where the agent of a real endpoint keeps its ledger, key and certificate. */
const agentState = '/var/lib/patchcycle';

export type SiteIdentity = {
  readonly files: readonly string[];
  /** Where the site's endpoints enrol. */
  readonly enrolment: { readonly host: string; readonly port: number; readonly url: string };
  readonly endsAt: string;
  /** Whether the authority had to be made first. */
  readonly madeAuthority: boolean;
};

/**
 * Writes the identity of a site's worker into a folder, with the authority of another; both are made when there is
 * none. Again it makes new certificates of the same authority.
 * @param siteId `berlin.acme`
 * @param host the name or address of the worker on the site's network, as its endpoints call it
 * @throws InvalidRequest when the site or the host cannot be meant, or the authority's key is elsewhere
 */
export async function makeSiteIdentity(
  authorityFolder: string,
  folder: string,
  { siteId, host }: { readonly siteId: string; readonly host: string },
): Promise<SiteIdentity> {
  if (!/^[a-z0-9][a-z0-9-]{0,62}\.[a-z0-9][a-z0-9-]{0,62}$/.test(siteId))
    throw new InvalidRequest(`${siteId} is no site: write its name and its client's, like berlin.acme.`);
  if (!/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host))
    throw new InvalidRequest(`${host} is no host: write the name or the address by which endpoints call the worker.`);
  const [hasKey, hasCertificate] = [authorityFiles.key, authorityFiles.certificate].map((name) =>
    existsSync(join(authorityFolder, name)),
  );
  if (hasCertificate && !hasKey)
    throw new InvalidRequest(
      `${authorityFolder} holds a certificate authority without its key; name the folder with ${authorityFiles.key}.`,
    );
  const authority = await openAuthority(authorityFolder);
  const endsAt = new Date(Date.now() + controlDays * dayMilliseconds).toISOString();
  const files = await writeSiteIdentity(authority, folder, { name: siteId, enrolmentHost: host });
  const enrolment = { host, port: enrolmentPort, url: enrolmentUrl(host, enrolmentPort) };
  return { files, enrolment, endsAt, madeAuthority: !hasCertificate };
}

/** Writes what a site's worker is known by, and what its enrolment service shows, into a folder of its own. */
export async function writeSiteIdentity(
  authority: AuthorityPort,
  folder: string,
  site: { readonly name: string; readonly enrolmentHost: string },
): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const control = await authority.issueControl(controlDays, site.name);
  const enrolment = await authority.issueServer({
    name: `enrolment.${site.name}`,
    addresses: [site.enrolmentHost],
    validityDays: controlDays,
  });
  const files = [
    { name: 'key.pem', content: control.key },
    { name: 'certificate.pem', content: control.certificate },
    { name: authorityFiles.certificate, content: await authority.certificate() },
    { name: 'enrolment-key.pem', content: enrolment.key },
    { name: 'enrolment-certificate.pem', content: enrolment.certificate },
  ];
  await writeFiles(folder, files, 0o600);
  return files.map(({ name }) => name);
}

/**
 * The certificate of the authority in a folder. Its key need not be there.
 * @throws InvalidRequest when the folder holds none
 */
export async function readAuthorityCertificate(folder: string): Promise<string> {
  return readFile(join(folder, authorityFiles.certificate), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw new InvalidRequest(
      `${folder} holds no certificate authority: there is no ${authorityFiles.certificate} in it. Name the folder of the control worker's PATCHCYCLE_AUTHORITY.`,
    );
  });
}

/** `https://10.77.1.1:7444/v1/enrol` */
export function enrolmentUrl(host: string, port: number): string {
  return `https://${host}:${port}/v1/enrol`;
}

export type Invitation = {
  /** What the agent has to be told, besides where it listens and keeps its state. */
  readonly configuration: Required<Pick<WrittenAgentConfiguration, 'caller' | 'enrolment'>>;
  readonly expiresAt: string;
};

/**
 * Records where an endpoint's agent listens, and makes a token by which it enrols once. The database knows the token's
 * digest alone.
 * @param endpoint `rebuilt`: its machine was rebuilt since it enrolled, so its restores are counted from the start
 */
export async function inviteEndpoint(
  { tenants, authority }: { readonly tenants: Tenants; readonly authority: string },
  endpoint: {
    readonly clientId: string;
    readonly name: string;
    readonly siteId: string;
    readonly address: AgentAddress;
    readonly url: string;
    readonly rebuilt: boolean;
  },
): Promise<Invitation> {
  const { clientId, address, url, rebuilt } = endpoint;
  const endpointId = idIn(clientId, endpoint.name);
  const token = randomBytes(tokenBytes).toString('base64url');
  const createdAt = new Date();
  const expiresAt = new Date(createdAt.getTime() + tokenHours * 60 * 60 * 1000);
  const tokenDigest = createHash('sha256').update(token).digest('hex');
  await tenants.forClient(clientId).$transaction(async (tx) => {
    const before = rebuilt ? { generation: 1, enrolledAt: null } : {};
    await tx.endpoint.update({ where: { id: endpointId }, data: { address: toJson(address), ...before } });
    await tx.enrolmentToken.create({ data: { tokenDigest, clientId, endpointId, createdAt, expiresAt } });
  });
  return {
    configuration: { caller: controlNameOf(endpoint.siteId), enrolment: { url, authority, token } },
    expiresAt: expiresAt.toISOString(),
  };
}

/**
 * Invites an endpoint that a person prepares: the whole configuration of its agent, /etc/patchcycle/agent.json.
 * @param wish `address`: HOST or HOST:PORT where the agent will listen; `url`: where the site's endpoints enrol;
 *   `authority`: the certificate of the authority
 * @throws InvalidRequest when no such endpoint is applied, or an address cannot be meant
 */
export async function enrolByHand(
  { tenants }: { readonly tenants: Tenants },
  wish: { clientId: string; name: string; address: string; url: string; rebuilt: boolean; authority: string },
): Promise<{ readonly configuration: WrittenAgentConfiguration; readonly expiresAt: string }> {
  const { clientId, name, rebuilt, authority } = wish;
  const address = readAgentAddress(wish.address);
  const url = readEnrolmentUrl(wish.url);
  const row = await tenants.forClient(clientId).endpoint.findFirst({ where: { name, retiredAt: null } });
  if (!row) throw new InvalidRequest(`Client ${clientId} has no endpoint ${name}. See: patchcycle endpoint list`);
  const invited = await inviteEndpoint(
    { tenants, authority },
    { clientId, name, siteId: row.siteId, address, url, rebuilt },
  );
  const configuration = { listen: address, stateDirectory: agentState, ...invited.configuration };
  return { configuration, expiresAt: invited.expiresAt };
}

function readAgentAddress(text: string): { readonly host: string; readonly port: number } {
  const [, host, port] = /^([^\s:]+)(?::(\d+))?$/.exec(text) ?? [];
  const number = port === undefined ? agentPort : Number(port);
  if (host && number >= 1 && number <= 65_535) return { host, port: number };
  throw new InvalidRequest(`${text} is no address: write HOST or HOST:PORT, where the endpoint's agent will listen.`);
}

function readEnrolmentUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== 'https:')
    throw new InvalidRequest(`${text} is no URL to enrol at: write https://HOST:${enrolmentPort}, the site's worker.`);
  return url.pathname === '/' ? new URL('/v1/enrol', url).href : url.href;
}
