/**
 * How an endpoint gets its certificate: it makes its key itself, sends a certificate request with a token that
 * works once to its site's enrolment service, and gets a certificate of the provider's authority back.
 *
 * POST /v1/enrol  enrolRequest → enrolAnswer, or a refusal: 403 for a token that is not good, 429 while others enrol.
 */
import { z } from 'zod';

export const enrolmentPort = 7444;

/** 24 random bytes in base64url: what is not written so is no token, and need not be looked up. */
export const tokenBytes = 24;

export const enrolRequestSchema = z.strictObject({
  token: z.string().regex(/^[A-Za-z0-9_-]{32}$/, 'is no token: one has 32 letters, digits, hyphens and underscores'),
  /** PEM; a PKCS#10 request. Its subject is ignored: the token says who the endpoint is. */
  certificateRequest: z.string().max(16 * 1024),
});
export type EnrolRequest = z.infer<typeof enrolRequestSchema>;

export const enrolAnswerSchema = z.object({
  endpointId: z.string(),
  /** PEM. */
  certificate: z.string(),
  /** PEM; agents accept the one caller of their configuration, by a certificate that this authority signed. */
  authority: z.string(),
});
export type EnrolAnswer = z.infer<typeof enrolAnswerSchema>;

/** The common name of a certificate that may call every agent of the provider whose configuration names no caller. */
export const controlName = 'patchcycle-control';

/** No endpoint has a name that begins so. */
export const siteControlPrefix = 'control.';

/**
 * The common name of the certificate with which a site's worker calls the agents of its site: `control.berlin.acme`.
 */
export function controlNameOf(siteId: string): string {
  return `${siteControlPrefix}${siteId}`;
}

/** What an agent reads at its start: /etc/patchcycle/agent.json, written when the endpoint is prepared. */
export const agentConfigurationSchema = z.strictObject({
  /** Where the agent listens. */
  listen: z.strictObject({ host: z.string(), port: z.number().int().min(1).max(65535) }),
  /** Ledger, key, certificate, generation, evidence. */
  stateDirectory: z.string(),
  /** The name of the one caller that is answered: a worker of one site cannot order another's endpoints about. */
  caller: z.string().min(1).default(controlName),
  /**
   * Absent once enrolled by other means. The authority is known beforehand, so that the token is sent to no one else.
   */
  enrolment: z
    .strictObject({
      url: z.url({ protocol: /^https$/ }),
      /** PEM. */
      authority: z.string(),
      token: z.string(),
    })
    .optional(),
});
export type AgentConfiguration = z.infer<typeof agentConfigurationSchema>;
/** As it is written: what may be left out is left out. */
export type WrittenAgentConfiguration = z.input<typeof agentConfigurationSchema>;
