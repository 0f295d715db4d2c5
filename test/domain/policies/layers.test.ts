import { describe, expect, it } from 'vitest';
import { hashOf } from '../../../domain/hash.ts';
import { emergencyPolicy } from '../../../domain/policies/policy.ts';
import { layOver, loosenings, wholePolicy } from '../../../domain/policies/layers.ts';
import { samplePolicy } from '../../setup/sample-policy.ts';
import type { PolicyLayer } from '../../../domain/policies/looser.ts';

describe('the emergency policy', () => {
  const section = { soakMinutes: 10, windows: 'always', changeApproval: { persons: 1, withinMinutes: 30 } } as const;

  it('has the section’s soak, windows and approval, and everything else of the policy', () => {
    const policy = samplePolicy({ emergency: section, checks: [{ service: 'nginx' }] });
    expect(emergencyPolicy(policy)).toEqual({
      ...policy,
      gate: { ...policy.gate, soakMinutes: 10 },
      windows: 'always',
      changeApproval: section.changeApproval,
    });
  });

  it('still takes snapshots and still sends a canary, whatever the policy says', () => {
    const reckless = samplePolicy({
      emergency: section,
      rings: [{ name: 'all', take: 'rest', segments: null, endpoints: [] }],
      snapshot: { required: false, keepDays: 7 },
      gate: { soakMinutes: 30, atLeastVerified: 0, failuresAtMost: 0, failurePercentAtMost: null },
    });
    const policy = emergencyPolicy(reckless);
    expect(policy.snapshot.required).toBe(true);
    expect(policy.rings.map(({ name, take }) => [name, take])).toEqual([
      ['canary', { count: 1 }],
      ['all', 'rest'],
    ]);
    expect(policy.gate.atLeastVerified).toBe(1);
  });

  it('is never slower than the policy, and without a section is the policy with its floors', () => {
    expect(emergencyPolicy(samplePolicy({ emergency: { ...section, soakMinutes: 90 } })).gate.soakMinutes).toBe(30);
    expect(emergencyPolicy(samplePolicy())).toEqual(samplePolicy());
  });
});

const layer = (stated: Partial<PolicyLayer>): PolicyLayer => ({
  name: 'servers',
  extends: 'baseline',
  applies: {},
  ...stated,
});

const security = (delayMinutes: number, severity: ('critical' | 'low' | 'unknown')[] | null) => ({
  approve: [{ class: 'security' as const, severity, delayMinutes }],
});

describe('a narrower layer may tighten, never loosen', () => {
  const owned = { because: 'b', owner: 'o', until: '2027-01-31' };
  const above: PolicyLayer = {
    name: 'baseline',
    extends: null,
    applies: null,
    mode: 'report only',
    approve: [{ class: 'security', severity: ['critical', 'important'], delayMinutes: 1440 }],
    allow: [{ package: 'a', versions: null, ...owned }],
    gate: { soakMinutes: 30, atLeastVerified: 2, failuresAtMost: 1, failurePercentAtMost: 10 },
    budget: { percent: 25 },
    windows: [],
    sandbox: { required: true },
    snapshot: { required: true, keepDays: 7 },
    rollback: 'packages',
    afterHalt: 'ask',
    changeApproval: { persons: 1, withinMinutes: 60 },
    deadlineDays: 14,
    emergency: { soakMinutes: 5, changeApproval: { persons: 1, withinMinutes: 30 }, windows: [] },
  };
  it.each<[string, Partial<PolicyLayer>, Partial<PolicyLayer>]>([
    ['mode', { mode: 'patch' }, { mode: 'report only' }],
    ['gate.soak', { gate: { soakMinutes: 29 } }, { gate: { soakMinutes: 30 } }],
    ['gate.atLeast', { gate: { atLeastVerified: 1 } }, { gate: { atLeastVerified: 3 } }],
    ['gate.failuresAtMost', { gate: { failuresAtMost: 2 } }, { gate: { failuresAtMost: 0 } }],
    ['gate.failureShareAtMost', { gate: { failurePercentAtMost: null } }, { gate: { failurePercentAtMost: 5 } }],
    ['budget', { budget: { percent: 26 } }, { budget: { percent: 10 } }],
    ['sandbox.required', { sandbox: { required: false } }, { sandbox: { required: true } }],
    ['snapshot.required', { snapshot: { required: false } }, { snapshot: { required: true } }],
    ['snapshot.keep', { snapshot: { keepDays: 6 } }, { snapshot: { keepDays: 8 } }],
    ['rollback', { rollback: 'machine' }, { rollback: 'packages' }],
    ['afterHalt', { afterHalt: 'go on' }, { afterHalt: 'stop' }],
    ['approval', { changeApproval: null }, { changeApproval: { persons: 2, withinMinutes: 60 } }],
    ['deadline', { deadlineDays: 15 }, { deadlineDays: 7 }],
    ['emergency.soak', { emergency: { soakMinutes: 4 } }, { emergency: { soakMinutes: 6 } }],
    ['emergency.approval', { emergency: { changeApproval: null } }, { emergency: { soakMinutes: 5 } }],
    ['windows', { windows: 'always' }, { windows: [] }],
    ['budget', { budget: { count: 2 } }, { budget: { count: 1 } }],
    ['emergency.windows', { emergency: { windows: 'always' } }, { emergency: { windows: [] } }],
    ['allow[0]', { allow: [{ package: 'b', versions: null, ...owned }] }, { allow: above.allow ?? [] }],
    ['approve[0]', security(0, ['critical']), security(1440, ['critical'])],
    ['approve[0]', security(1440, ['low']), security(2880, ['unknown'])],
    ['approve[0]', security(1440, null), { approve: [] }],
  ])('%s', (field, looser, tighter) => {
    const found = loosenings(above, layer(looser));
    expect(found.map((each) => each.field)).toEqual([field]);
    expect(found[0]?.because).toContain('baseline, which it extends');
    expect(loosenings(above, layer(tighter))).toEqual([]);
  });

  it('says both numbers', () => {
    expect(loosenings(above, layer({ gate: { soakMinutes: 10 } }))[0]?.because).toBe(
      '10 minutes is looser than 30 minutes in baseline, which it extends',
    );
  });

  it('what is not stated above does not bind', () => {
    expect(
      loosenings(
        { name: 'empty', extends: null, applies: null },
        layer({ gate: { soakMinutes: 0 }, snapshot: { required: false } }),
      ),
    ).toEqual([]);
  });

  it('a layer replaces what it states, adds to the lists, and inherits the rest but not where it applies', () => {
    const checks = { checks: [{ service: 'dbus' }, { service: 'cron' }] };
    const over = layOver(
      { ...above, applies: { os: ['debian'] }, checks: [{ service: 'cron' }] },
      layer({ gate: { soakMinutes: 60 }, applies: null, ...checks }),
    );
    const policy = wholePolicy(over);
    expect(policy).toMatchObject({ name: 'servers', applies: null, mode: 'report only', deadlineDays: 14 });
    expect(policy.gate).toEqual({ soakMinutes: 60, atLeastVerified: 2, failuresAtMost: 1, failurePercentAtMost: 10 });
    expect(policy.checks).toEqual([{ service: 'cron' }, { service: 'dbus' }]);
  });

  it('a policy that states nothing approves nothing and has no window', () => {
    const policy = wholePolicy({ name: 'empty', extends: null, applies: {} });
    expect(policy).toMatchObject({
      approve: [],
      windows: [],
      sandbox: { required: true },
      snapshot: { required: true },
      gate: { failuresAtMost: 0, failurePercentAtMost: null },
    });
  });
});

describe('the hash', () => {
  it('is the same for ever: a change would draw other canaries within a running cycle', () => {
    expect(hashOf('')).toBe(hashOf(''));
    expect(hashOf('berlin-web-1')).toMatchInlineSnapshot(`3561508533653233`);
  });

  it('spreads neighbouring names evenly', () => {
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 10_000; index++) {
      const bucket = hashOf(`cycle\nendpoint-${index}`) % 10;
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const size of buckets) expect(Math.abs(size - 1000)).toBeLessThan(150);
  });
});
