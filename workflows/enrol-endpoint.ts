/** Enrols one endpoint for its site's enrolment service, which has no database and no authority's key of its own. */
import { control } from './stubs.ts';

export async function enrolEndpoint(request: {
  /** SHA-256: the token itself never enters a history. */
  readonly tokenDigest: string;
  readonly certificateRequest: string;
}): Promise<Awaited<ReturnType<typeof control.enrol>>> {
  return control.enrol(request);
}
