/** Enrols one endpoint for its site's enrolment service, which has no database and no authority's key of its own. */
import type { Enrolled, EnrolmentRequest } from '../activities/control/enrolment.ts';
import { control } from './stubs.ts';

export async function enrolEndpoint(request: EnrolmentRequest): Promise<Enrolled> {
  return control.enrol(request);
}
