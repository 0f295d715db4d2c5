/**
 * How an endpoint gets its certificate: it makes its key itself, sends a certificate request with a token that
 * works once to its site's enrolment service, and gets a certificate of the provider's authority back.
 *
 * POST /v1/enrol  enrolRequest → enrolAnswer, or 403 with the refusal's sentence.
 */
import { z } from 'zod';

export const enrolmentPort = 7444;

export const enrolRequestSchema = z.strictObject({
  token: z.string().min(20).max(200),
  /** PEM; a PKCS#10 request. Its subject is ignored: the token says who the endpoint is. */
  certificateRequest: z.string().max(16 * 1024),
});

export const enrolAnswerSchema = z.object({
  endpointId: z.string(),
  /** PEM. */
  certificate: z.string(),
  /** PEM; agents accept callers whose certificate this authority signed and whose name is `control`. */
  authority: z.string(),
});
export type EnrolAnswer = z.infer<typeof enrolAnswerSchema>;

/** The common name of the certificate with which workers call agents. */
export const controlName = 'patchcycle-control';

/** What an agent reads at its start: /etc/patchcycle/agent.json, written when the endpoint is prepared. */
export const agentConfigurationSchema = z.strictObject({
  /** Where the agent listens. */
  listen: z.strictObject({ host: z.string(), port: z.number().int().min(1).max(65535) }),
  /** Ledger, key, certificate, generation, evidence. */
  stateDirectory: z.string(),
  /** Absent once enrolled by other means. The authority is known beforehand, so that the token goes to nobody else. */
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
