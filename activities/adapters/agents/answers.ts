/** What comes back from an agent, or does not, in the port's three kinds of error; nothing of axios leaves here. */
import { checkServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { isAxiosError } from 'axios';
import { refusalSchema } from '../../../protocol/errors.ts';
import { AgentRefused, AgentUnreachable, AgentUnreadable } from '../../ports/agent.ts';
import type { AgentIdentity } from '../../ports/agent.ts';

/** What answers must be the endpoint that was meant: its id is the certificate's common name, and its host name. */
export function checkEndpointIdentity(
  endpointId: string,
): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, certificate) => {
    if (certificate.subject.CN === endpointId) return checkServerIdentity(endpointId, certificate);
    return Object.assign(new Error('another endpoint'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  };
}

/** A refusal as the protocol has it. Throws `AgentUnreadable` for any other answer that is not a success. */
export function agentRefusal(agent: AgentIdentity, status: number, json: unknown): AgentRefused {
  const refusal = refusalSchema.safeParse(json);
  if (!refusal.success) {
    throw new AgentUnreadable(`The agent of ${agent.endpointId} answered with status ${status} and no reason.`);
  }
  const { code, message } = refusal.data.error;
  return new AgentRefused(`The agent of ${agent.endpointId} refused: ${printable(message)}`, code, status);
}

/** Turns whatever was thrown into an error of the port. */
export function asAgentError(
  agent: AgentIdentity,
  error: unknown,
  { cancelled, timedOut }: { readonly cancelled: boolean; readonly timedOut: boolean },
): AgentRefused | AgentUnreachable | AgentUnreadable {
  if (error instanceof AgentRefused || error instanceof AgentUnreadable) return error;
  const whom = `The agent of ${agent.endpointId}`;
  if (cancelled) return new AgentUnreachable(`${whom} was not waited for any longer: the call was cancelled.`);
  if (timedOut) return new AgentUnreachable(`${whom} did not answer in time.`);
  const code = codeOf(error);
  if (isAxiosError(error) && error.message.startsWith('maxContentLength')) {
    return new AgentUnreadable(`${whom} answered with more than can be meant.`);
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new AgentUnreadable(`At the address of ${agent.endpointId} another endpoint answers; check its address.`);
  }
  if (untrusted.has(code)) {
    return new AgentUnreadable(`${whom} shows a certificate that our authority did not sign, or no longer (${code}).`);
  }
  if (/^ERR_SSL_.*ALERT/.test(code)) {
    return new AgentRefused(`${whom} does not accept our certificate (${code}).`, 'forbidden', 403);
  }
  return new AgentUnreachable(`${whom} cannot be reached (${code}).`);
}

/** Verdicts of OpenSSL on a certificate, as Node names them. */
const untrusted = new Set([
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,80}$/.test(code) ? code : 'unknown error';
}

function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
