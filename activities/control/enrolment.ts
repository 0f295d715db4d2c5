/** Enrols endpoints: a token works once, for the endpoint it was made for. */
import { X509Certificate, createHash } from 'node:crypto';
import { appendAudit } from '../../record/audit.ts';
import { type AuthorityPort, RequestRefused } from '../ports/authority.ts';
import type { Tenants } from '../../record/database.ts';
import { RecordRefusal } from '../../record/errors.ts';
import { bound } from '../bound.ts';

/** There is no renewal: an agent whose certificate has ended is enrolled again, by hand. */
const certificateDays = 397;

export type EnrolmentRequest = {
  /** The site it came through. */
  readonly siteId: string;
  /** SHA-256: the token itself never enters a history. */
  readonly tokenDigest: string;
  readonly certificateRequest: string;
};

export type Enrolled = { readonly endpointId: string; readonly certificate: string; readonly authority: string };

type Ports = { tenants: Tenants; authority: AuthorityPort };

export function enrolmentActivities(ports: Ports) {
  return bound(ports, {
    enrol,
  });
}

async function sign(
  { authority }: Pick<Ports, 'authority'>,
  endpointId: string,
  certificateRequest: string,
): Promise<string> {
  try {
    return await authority.signEndpoint({ endpointId, certificateRequest, validityDays: certificateDays });
  } catch (error) {
    if (error instanceof RequestRefused) throw refused(error.message);
    throw error;
  }
}

/**
 * Signs the request of the endpoint whose token it is. The same request again gets the same certificate, since the
 * first answer may have been lost; any other use of a used or expired token is refused, and so is a token that
 * comes through another site than its endpoint's.
 */
async function enrol(
  { tenants, authority }: Ports,
  { siteId, tokenDigest, certificateRequest }: EnrolmentRequest,
): Promise<Enrolled> {
  const token = await tenants.everybody.enrolmentToken.findUnique({
    where: { tokenDigest },
    include: { endpoint: true },
  });
  const now = new Date();
  if (!token || token.expiresAt < now) throw refused('the token is unknown or has expired; make a new one');
  if (token.endpoint.siteId !== siteId) throw refused('the token is not for an endpoint of this site');
  if (token.endpoint.retiredAt) throw refused("the endpoint is retired; name it in its client's files again");
  const requestDigest = createHash('sha256').update(certificateRequest).digest('hex');
  const { clientId, endpointId } = token;
  if (token.usedAt) {
    if (token.requestDigest !== requestDigest || !token.certificate) throw refused('the token has been used');
    return { endpointId, certificate: token.certificate, authority: await authority.certificate() };
  }
  const certificate = await sign({ authority }, endpointId, certificateRequest);
  await tenants.forClient(clientId).$transaction(async (tx) => {
    const used = await tx.enrolmentToken.updateMany({
      where: { tokenDigest, usedAt: null },
      data: { usedAt: now, requestDigest, certificate },
    });
    if (used.count === 0) throw refused('the token has been used');
    await tx.endpoint.update({ where: { id: endpointId }, data: { enrolledAt: now } });
    await appendAudit(tx, clientId, [
      {
        key: `${endpointId} enrolled ${requestDigest}`,
        at: now.toISOString(),
        actor: endpointId,
        action: 'enrol',
        subject: endpointId,
        because: ['it had a token that was made for it'],
        detail: { certificateEndsAt: new Date(new X509Certificate(certificate).validTo).toISOString() },
      },
    ]);
  });
  return { endpointId, certificate, authority: await authority.certificate() };
}

function refused(why: string): RecordRefusal {
  return new RecordRefusal('EnrolmentRefused', why);
}
