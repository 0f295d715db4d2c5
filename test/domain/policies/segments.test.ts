import { describe, expect, it } from 'vitest';
import type { Policy, SegmentRule, StatedEndpoint } from '../../../domain/policies/policy.ts';
import { categorize, typeOf } from '../../../domain/policies/segments.ts';
import { samplePolicy } from '../../setup/sample-policy.ts';

const endpoint: StatedEndpoint = {
  name: 'berlin-web-1',
  siteId: 'berlin',
  role: 'web',
  criticality: 'low',
  owner: 'mara@acme.example',
  redundancyGroup: null,
  tags: ['dmz'],
};
const inventory = { os: { id: 'debian', version: '12' }, virtualization: 'kvm' };
const segments: readonly SegmentRule[] = [
  { segment: 'debian', when: { os: ['debian'] } },
  { segment: 'web', when: { role: ['web', 'proxy'] } },
  { segment: 'exposed', when: { role: ['web'], tag: ['dmz'] } },
  { segment: 'old', when: { os: ['debian'], version: ['<= 11'] } },
];

function place(what: {
  endpoint?: Partial<StatedEndpoint>;
  inventory?: typeof inventory | null;
  policies?: readonly Policy[];
}) {
  return categorize({
    endpoint: { ...endpoint, ...what.endpoint },
    inventory: what.inventory === undefined ? inventory : what.inventory,
    segments,
    policies: what.policies ?? [samplePolicy()],
  });
}

describe('the segment of an endpoint', () => {
  it.each([
    ['the most specific rule wins', {}, 'exposed'],
    ['among equals the first declared wins', { endpoint: { tags: [] } }, 'debian'],
    ['without an inventory only what is stated counts', { endpoint: { tags: [] }, inventory: null }, 'web'],
    [
      'a range of versions is understood',
      { endpoint: { role: 'db' }, inventory: { ...inventory, os: { id: 'debian', version: '11' } } },
      'old',
    ],
    ['who fits nowhere is in none', { endpoint: { role: 'db' }, inventory: null }, null],
  ])('%s', (_, what, segment) => {
    expect(place(what).segment).toBe(segment);
  });
});

describe('the policy of an endpoint', () => {
  const everything = samplePolicy({ name: 'everything', applies: {} });
  const exposed = samplePolicy({ name: 'exposed', applies: { segment: ['exposed'] } });
  const berlin = samplePolicy({ name: 'berlin', applies: { site: ['berlin'] } });
  const baseline = samplePolicy({ name: 'baseline', applies: null });

  it('is exactly one, the most specific, with the reason', () => {
    const result = place({ policies: [everything, exposed, berlin] });
    expect(result.policy).toBe('exposed');
    expect(result.because).toEqual([
      'segment exposed, since role is web and tag is dmz',
      'policy exposed, since segment is exposed',
    ]);
  });

  it('is the first declared among equals, in either order', () => {
    expect(place({ policies: [berlin, exposed] }).policy).toBe('berlin');
    expect(place({ policies: [exposed, berlin] }).policy).toBe('exposed');
  });

  it('is none where nothing applies, and the reason says that it is not patched', () => {
    const result = place({ policies: [baseline] });
    expect(result.policy).toBeNull();
    expect(result.because.at(-1)).toBe('no policy applies to it, so it is not patched');
  });

  it('is never guessed from an operating system nobody has seen', () => {
    const debian = samplePolicy({ applies: { os: ['debian'] } });
    expect(place({ policies: [debian], inventory: null }).policy).toBeNull();
  });
});

it.each([
  ['none', 'physical'],
  ['kvm', 'virtual'],
  ['systemd-nspawn', 'container'],
])('%s is a %s endpoint', (virtualization, type) => {
  expect(typeOf(virtualization)).toBe(type);
});
