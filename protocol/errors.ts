import { z } from 'zod';

/**
 * What an agent answers when it says no, with the HTTP status that goes with each code.
 * The message says what is wrong in one sentence; the code is for programs.
 */
export const refusals = {
  'bad request': 400,
  /** The caller's certificate is good, but not the control plane's. */
  forbidden: 403,
  'not found': 404,
  'method not allowed': 405,
  /** The same operation id with another body. */
  'other body': 409,
  /** A generation older than the endpoint's: the caller speaks of a machine that was rolled back since. */
  'older generation': 409,
  /** A generation the endpoint does not know of: the caller and the endpoint disagree about what was restored. */
  'newer generation': 409,
  /** Another operation is running on the endpoint. */
  busy: 409,
  'too large': 413,
  /** As many as are served at a time are being served; the same request may be made again. */
  'too many': 429,
  /** The package manager or its mirror could not answer; the message says which and why. */
  'package manager': 502,
  internal: 500,
} as const;

export type RefusalCode = keyof typeof refusals;

export const refusalSchema = z.object({
  error: z.object({
    code: z.enum(Object.keys(refusals) as [RefusalCode, ...RefusalCode[]]),
    message: z.string().max(2000),
  }),
});
