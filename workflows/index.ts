/** The bundle's entry: every workflow, and nothing else. */
export { catchUp } from './catch-up.ts';
export { cleanUpSite, cleanUpSnapshots } from './clean-up-snapshots.ts';
export { closeOrphanedCycle } from './close-orphaned-cycle.ts';
export { emergencyPatch } from './emergency-patch.ts';
export { endpointPatch } from './endpoint-patch.ts';
export { endpointRollback } from './endpoint-rollback.ts';
export { enrolEndpoint } from './enrol-endpoint.ts';
export { patchCycle } from './patch-cycle.ts';
export { planCycle } from './plan-cycle.ts';
export { reconcile } from './reconcile.ts';
export { reconcileEndpoint } from './reconcile-endpoint.ts';
export { ringRollout } from './ring-rollout.ts';
export { cycleRollback } from './cycle-rollback.ts';
export { sandboxTest } from './sandbox-test.ts';
export { surveySite } from './survey-site.ts';
