import { expect, test } from 'vitest';
import { judgeRuntimeSupport } from '../../../domain/reports/runtime-support.ts';

const april = '2026-04-30T23:59:59.999Z';
const advice = 'run Patchcycle on Node 24 or on a later LTS release.';

test.each([
  ['supported', april, '2026-04-30T23:59:59.998Z', 'Node 20.20.2 has security support until 2026-04-30.'],
  ['ended', april, april, `Node 20.20.2 has had no security support since 2026-04-30: ${advice}`],
  ['ended', april, '2027-01-01T00:00:00.000Z', `Node 20.20.2 has had no security support since 2026-04-30: ${advice}`],
  [
    'unknown',
    null,
    '2026-04-30T00:00:00.000Z',
    `No source knows until when Node 20.20.2 has security support: ${advice}`,
  ],
] as const)('the support of a Node is %s where it ends at %s and it is %s', (state, endsAt, now, because) => {
  expect(judgeRuntimeSupport('20.20.2', endsAt, now)).toEqual({
    version: '20.20.2',
    state,
    supportEndsAt: endsAt,
    because,
  });
});
