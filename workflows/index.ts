/** The bundle's front door: every workflow, and nothing else. */
export { catchUp } from './catch-up.ts';
export { emergencyPatch } from './emergency-patch.ts';
export { endpointPatch } from './endpoint-patch.ts';
export { enrolEndpoint } from './enrol-endpoint.ts';
export { patchCycle } from './patch-cycle.ts';
export { planCycle } from './plan-cycle.ts';
export { ringRollout } from './ring-rollout.ts';
export { sandboxTest } from './sandbox-test.ts';
export { surveySite } from './survey-site.ts';
