/** What processes are told by their environment, read once. */
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { defaultEndpointsAtLeast } from '../domain/patches/breaker.ts';

const absolute = z.string().refine(isAbsolute, 'must be an absolute path');

const fleet = z
  .string()
  .regex(/^(lab|simulated):\//, 'must be lab:DIRECTORY or simulated:DIRECTORY, with an absolute path')
  .transform((text) => {
    const at = text.indexOf(':');
    return { kind: text.slice(0, at) as 'lab' | 'simulated', directory: text.slice(at + 1) };
  });

const address = z
  .string()
  .regex(/^[^\s:]+:\d+$/, 'must be HOST:PORT')
  .transform((text) => {
    const at = text.lastIndexOf(':');
    return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
  });

const wholeNumber = z
  .string()
  .regex(/^[1-9]\d*$/, 'must be a whole number from 1 on')
  .transform(Number);

/** The control worker: workflows, and everything that needs the database. */
export const controlConfig = z.object({
  /** PostgreSQL, with its password. */
  DATABASE_URL: z.string().min(1),
  /** The folder of the provider's certificate authority. */
  PATCHCYCLE_AUTHORITY: absolute,
  /** Where reports are written. */
  PATCHCYCLE_REPORTS: absolute,
  /** Further files of known exploited vulnerabilities besides the catalogue, separated by colons. */
  PATCHCYCLE_KEV_FILES: z
    .string()
    .default('')
    .transform((text) => text.split(':').filter(Boolean))
    .pipe(z.array(absolute)),
  /**
   * On how many endpoints, of two clients at least where it is 2 or more, a patch has to fail until it is stopped
   * everywhere.
   */
  PATCHCYCLE_BREAKER_ENDPOINTS: wholeNumber.default(defaultEndpointsAtLeast),
});
export type ControlConfig = z.infer<typeof controlConfig>;

/** A site's worker: it has Temporal and its endpoints, and no database. */
export const siteConfig = z.object({
  /** The site's id: `berlin.acme`. */
  PATCHCYCLE_SITE: z.string().min(3),
  /** The folder with key.pem, certificate.pem and authority.pem, by which agents know this worker. */
  PATCHCYCLE_IDENTITY: absolute,
  /** What keeps snapshots and makes sandboxes: lab:DIRECTORY or simulated:DIRECTORY. */
  PATCHCYCLE_FLEET: fleet,
  /**
   * Where endpoints of this site enrol: HOST:PORT on the site's network, with enrolment-{key,certificate}.pem beside
   * the identity.
   */
  PATCHCYCLE_ENROLMENT: address,
});
export type SiteConfig = z.infer<typeof siteConfig>;

/**
 * Reads a configuration from environment variables.
 * @throws Error that names every variable that is missing or wrong, and what it should be
 */
export function readConfig<Schema extends z.ZodType>(schema: Schema, environment = process.env): z.infer<Schema> {
  const read = schema.safeParse(environment);
  if (read.success) return read.data;
  const problems = read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`The environment is not complete: ${problems.join('; ')}.`);
}
