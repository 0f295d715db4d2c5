import type { Policy } from '../../domain/policies/policy.ts';

/** A whole policy for tables; a test states only what it is about. */
export function samplePolicy(stated: Partial<Policy> = {}): Policy {
  return {
    name: 'servers',
    extends: null,
    applies: {},
    mode: 'patch',
    approve: [{ class: 'security', severity: ['critical', 'important'], delayMinutes: 0 }],
    allow: [],
    block: [],
    exceptions: [],
    rings: [
      { name: 'canary', take: { count: 1 }, segments: null, endpoints: [] },
      { name: 'rest', take: 'rest', segments: null, endpoints: [] },
    ],
    gate: { soakMinutes: 30, atLeastVerified: 1, failuresAtMost: 0, failurePercentAtMost: null },
    budget: { percent: 25 },
    windows: [],
    blackouts: [],
    sandbox: { required: true },
    snapshot: { required: true, keepDays: 7 },
    rollback: 'machine',
    reboot: 'if required',
    checks: [],
    changeApproval: null,
    deadlineDays: 14,
    emergency: null,
    ...stated,
  };
}
