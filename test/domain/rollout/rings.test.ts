import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Criticality, RingRule } from '../../../domain/policies/policy.ts';
import type { RingCandidate, RingPlan } from '../../../domain/rollout/rings.ts';
import { planRings } from '../../../domain/rollout/rings.ts';

const ring = (name: string, take: RingRule['take'], more: Partial<RingRule> = {}): RingRule => ({
  name,
  take,
  segments: null,
  endpoints: [],
  ...more,
});
const usual = [ring('canary', { count: 1 }), ring('early', { percent: 20 }), ring('rest', 'rest')];

function endpoint(endpointName: string, more: Partial<RingCandidate> = {}): RingCandidate {
  return { endpointName, criticality: 'low', online: true, redundancyGroup: null, segment: 'web', ...more };
}
const fleet = (size: number, more: Partial<RingCandidate> = {}) =>
  Array.from({ length: size }, (_, index) => endpoint(`e${index}`, more));

const plan = (
  endpoints: readonly RingCandidate[],
  rings: readonly RingRule[] = usual,
  cycleId = 'cycle/acme/servers/2026-12-09',
) => planRings({ endpoints, rings, cycleId });
const membersOf = (made: RingPlan) =>
  Object.fromEntries(
    made.rings.map(({ name, endpoints }) => [name, endpoints.map(({ endpointName }) => endpointName)]),
  );
const sizesOf = (made: RingPlan) =>
  Object.fromEntries(made.rings.map(({ name, endpoints }) => [name, endpoints.length]));

describe('small fleets get sensible rings', () => {
  it.each([
    [0, {}],
    [1, { canary: 1 }],
    [2, { canary: 1, early: 1 }],
    [3, { canary: 1, early: 1, rest: 1 }],
    [6, { canary: 1, early: 2, rest: 3 }],
    [100, { canary: 1, early: 20, rest: 79 }],
  ])('%i endpoints', (size, expected) => {
    expect(sizesOf(plan(fleet(size)))).toEqual(expected);
  });

  it.each([
    ['one', 1, { first: 1 }],
    ['two', 2, { first: 1, second: 1 }],
    ['three', 3, { first: 1, second: 1, rest: 1 }],
  ])('shares of %s are never nobody, and never everybody at once', (_, size, expected) => {
    const rings = [ring('first', { percent: 10 }), ring('second', { percent: 20 }), ring('rest', 'rest')];
    expect(sizesOf(plan(fleet(size), rings))).toEqual(expected);
  });

  it.each([
    ['a pair goes one after the other', ['g', 'g'], { canary: 1, early: 1 }],
    [
      'of three that stand in for each other none goes with all the others',
      ['g', 'g', 'g'],
      { canary: 1, early: 1, rest: 1 },
    ],
    ['a pair and a third', ['g', 'g', null], { canary: 1, early: 1, rest: 1 }],
  ])('%s', (_, groups, expected) => {
    const endpoints = groups.map((redundancyGroup, index) => endpoint(`e${index}`, { redundancyGroup }));
    expect(sizesOf(plan(endpoints))).toEqual(expected);
  });

  it('of two of which one is off, the one that is there goes first', () => {
    expect(membersOf(plan([endpoint('off', { online: false }), endpoint('on', { criticality: 'high' })]))).toEqual({
      canary: ['on'],
      early: ['off'],
    });
  });

  it('a canary ring that asks for more than there are leaves one to protect', () => {
    const rings = [ring('canary', { count: 5 }), ring('rest', 'rest')];
    expect(sizesOf(plan(fleet(3), rings))).toEqual({ canary: 2, rest: 1 });
  });

  it('a ring that takes nobody is left out, and said', () => {
    expect(plan(fleet(1)).because).toContain('ring rest is empty: no endpoint is left for it');
  });
});

describe('who goes first', () => {
  it('less critical endpoints go before more critical ones', () => {
    const mixed = [...fleet(3, { criticality: 'high' }), endpoint('m', { criticality: 'medium' }), endpoint('l')];
    const order = Object.values(membersOf(plan(mixed))).flat();
    expect(order.slice(0, 2)).toEqual(['l', 'm']);
  });

  it('named canaries go before less critical endpoints', () => {
    const rings = [ring('canary', { count: 1 }, { endpoints: ['db'] }), ring('rest', 'rest')];
    const made = plan([...fleet(5), endpoint('db', { criticality: 'high' })], rings);
    expect(membersOf(made)['canary']).toEqual(['db']);
    expect(made.rings[0]?.endpoints[0]?.because).toEqual(['named for ring canary']);
  });

  it('an endpoint named for a later ring is not drawn for an earlier one', () => {
    const rings = [ring('canary', { count: 2 }), ring('rest', 'rest', { endpoints: ['e0', 'e1', 'e2'] })];
    for (const cycleId of ['a', 'b', 'c', 'd'])
      expect(membersOf(plan(fleet(5), rings, cycleId))['canary']?.toSorted()).toEqual(['e3', 'e4']);
  });

  it('canaries are drawn among those online, a named one that is off stays behind and it is said', () => {
    const rings = [ring('canary', { count: 2 }, { endpoints: ['off'] }), ring('rest', 'rest')];
    const made = plan(
      [endpoint('off', { online: false }), ...fleet(3), ...['x', 'y'].map((id) => endpoint(id, { online: false }))],
      rings,
    );
    expect(membersOf(made)['canary']?.every((id) => id.startsWith('e'))).toBe(true);
    expect(made.rings[0]?.because.join()).toContain('off is named for it, and offline');
  });

  it('with nobody online the first ring is drawn all the same, and says that its gate will hold', () => {
    const made = plan(fleet(3, { online: false }));
    expect(sizesOf(made)).toEqual({ canary: 1, early: 1, rest: 1 });
    expect(made.rings[0]?.because.join()).toContain('its gate will hold');
  });

  it('a first ring for a segment the record lacks is drawn from all, so that somebody goes first', () => {
    const rings = [ring('canary', { count: 1 }, { segments: ['database'] }), ring('rest', 'rest')];
    expect(sizesOf(plan(fleet(4), rings))).toEqual({ canary: 1, rest: 3 });
  });

  it('a ring for a segment takes its share of that segment', () => {
    const rings = [
      ring('canary', { count: 1 }),
      ring('webs', { percent: 50 }, { segments: ['web'] }),
      ring('rest', 'rest'),
    ];
    const made = plan([...fleet(10), ...['x', 'y', 'z'].map((id) => endpoint(id, { segment: 'database' }))], rings);
    expect(membersOf(made)['webs']).toHaveLength(5);
    expect(membersOf(made)['webs']?.every((id) => id.startsWith('e'))).toBe(true);
  });

  it('the next cycle draws other canaries', () => {
    const canaries = Array.from(
      { length: 30 },
      (_, cycle) => membersOf(plan(fleet(20), usual, `cycle ${cycle}`))['canary']?.[0],
    );
    expect(new Set(canaries).size).toBeGreaterThan(8);
  });
});

describe('redundancy groups', () => {
  it('two that stand in for each other never share a ring', () => {
    const pair = [endpoint('a', { redundancyGroup: 'g' }), endpoint('b', { redundancyGroup: 'g' })];
    expect(sizesOf(plan(pair, [ring('canary', { count: 2 }), ring('rest', 'rest')]))).toEqual({ canary: 1, rest: 1 });
  });

  it('many pairs do not swell the canary ring: one more ring at the end takes the second members', () => {
    const pairs = fleet(20).map((each, index) => ({ ...each, redundancyGroup: `g${index % 10}` }));
    const made = plan(pairs, [ring('canary', { count: 1 }), ring('rest', 'rest')]);
    expect(sizesOf(made)).toEqual({ canary: 1, rest: 10, 'rest, part 2': 9 });
  });

  it('a ring between the first and the last takes the second members where there is one', () => {
    const pairs = fleet(20).map((each, index) => ({ ...each, redundancyGroup: `g${index % 10}` }));
    expect(Object.keys(sizesOf(plan(pairs)))).toEqual(['canary', 'early', 'rest']);
  });

  it('the only ring of a policy is divided when those offline make a second one', () => {
    const pair = fleet(2, { redundancyGroup: 'g' });
    const made = plan([...pair, endpoint('off', { online: false })], [ring('rest', 'rest')]);
    expect(sizesOf(made)).toEqual({ rest: 1, 'rest, part 2': 2 });
  });

  it('with a single ring there is nothing to divide', () => {
    expect(sizesOf(plan(fleet(2, { redundancyGroup: 'g' }), [ring('rest', 'rest')]))).toEqual({ rest: 2 });
  });
});

const anEndpoint = fc.record({
  criticality: fc.constantFrom<Criticality>('low', 'medium', 'high'),
  online: fc.boolean(),
  redundancyGroup: fc.constantFrom(null, null, 'g1', 'g2', 'g3'),
  segment: fc.constantFrom('web', 'database', null),
});
const aFleet = fc
  .array(anEndpoint, { maxLength: 40 })
  .map((all) => all.map((each, index) => ({ endpointName: `e${index}`, ...each })));
const aTake = fc.oneof(
  fc.record({ count: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ percent: fc.integer({ min: 1, max: 100 }) }),
  fc.constant('rest' as const),
);
const aRing = fc.record({
  take: aTake,
  segments: fc.constantFrom<readonly string[] | null>(null, null, ['web'], ['database'], ['mail']),
  endpoints: fc.constantFrom<readonly string[]>([], [], ['e0'], ['e1', 'e2'], ['gone']),
});
const someRings = fc
  .array(aRing, { minLength: 1, maxLength: 5 })
  .map((all) => all.map((each, index) => ({ name: `ring ${index}`, ...each })));

describe('of any fleet and any rings', () => {
  it('every endpoint is in exactly one ring', () => {
    fc.assert(
      fc.property(aFleet, someRings, (endpoints, rings) => {
        const placed = Object.values(membersOf(plan(endpoints, rings))).flat();
        expect(placed.toSorted()).toEqual(endpoints.map(({ endpointName }) => endpointName).toSorted());
      }),
    );
  });

  it('shuffling the input changes nothing', () => {
    fc.assert(
      fc.property(aFleet, someRings, fc.infiniteStream(fc.nat()), (endpoints, rings, keys) => {
        const shuffled = endpoints.map((each) => ({ each, key: keys.next().value })).toSorted((a, b) => a.key - b.key);
        expect(
          plan(
            shuffled.map(({ each }) => each),
            rings,
          ),
        ).toEqual(plan(endpoints, rings));
      }),
    );
  });

  it('with nobody named, off or in a group, less critical endpoints go first through all rings', () => {
    const rank = { low: 0, medium: 1, high: 2 };
    const plain = aFleet.map((all) =>
      all.map((each) => ({ ...each, online: true, redundancyGroup: null, segment: null })),
    );
    const plainRings = fc
      .array(aTake, { maxLength: 4 })
      .map((takes) => [
        ...takes.filter((take) => take !== 'rest').map((take, index) => ring(`ring ${index}`, take)),
        ring('rest', 'rest'),
      ]);
    fc.assert(
      fc.property(plain, plainRings, (endpoints, rings) => {
        const criticality = new Map(endpoints.map((each) => [each.endpointName, rank[each.criticality]]));
        const order = Object.values(membersOf(plan(endpoints, rings)))
          .flat()
          .map((id) => criticality.get(id) ?? -1);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }),
    );
  });

  it('a ring takes no more than its number or its share, but for those named for it', () => {
    fc.assert(
      fc.property(
        aFleet,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 60 }),
        (endpoints, count, percent) => {
          const rings = [ring('canary', { count }), ring('early', { percent }), ring('rest', 'rest')];
          const sizes = sizesOf(
            plan(
              endpoints.map((each) => ({ ...each, redundancyGroup: null })),
              rings,
            ),
          );
          expect(sizes['canary'] ?? 0).toBeLessThanOrEqual(count);
          expect(sizes['early'] ?? 0).toBeLessThanOrEqual(Math.ceil((percent * endpoints.length) / 100));
        },
      ),
    );
  });

  it('no redundancy group is whole in one ring where there are two of both', () => {
    fc.assert(
      fc.property(aFleet, someRings, (endpoints, rings) => {
        const made = plan(endpoints, rings);
        fc.pre(made.rings.length > 1);
        for (const group of ['g1', 'g2', 'g3']) {
          const members = endpoints
            .filter(({ redundancyGroup }) => redundancyGroup === group)
            .map(({ endpointName }) => endpointName);
          if (members.length < 2) continue;
          for (const placed of Object.values(membersOf(made)))
            expect(members.every((id) => placed.includes(id))).toBe(false);
        }
      }),
    );
  });

  it('the first ring of several never takes everybody, and takes nobody offline while somebody is online', () => {
    fc.assert(
      fc.property(aFleet, someRings, (endpoints, rings) => {
        fc.pre(rings.length > 1 && endpoints.length > 1);
        const [first] = plan(endpoints, rings).rings;
        expect(first?.name).toBe('ring 0');
        expect(first?.endpoints.length).toBeLessThan(endpoints.length);
        const meant = endpoints.filter(
          ({ segment, endpointName }) =>
            rings[0]?.segments === null ||
            rings[0]?.segments?.includes(segment ?? '') ||
            rings[0]?.endpoints.includes(endpointName),
        );
        const drawable = meant.length > 0 ? meant : endpoints;
        const offline = first?.endpoints.filter(
          ({ endpointName }) => !endpoints.find((each) => each.endpointName === endpointName)?.online,
        );
        if (drawable.some(({ online }) => online)) expect(offline).toEqual([]);
      }),
    );
  });
});

it('50,000 endpoints are planned, each in one ring', () => {
  const many = fleet(50_000).map((each, index) => ({ ...each, redundancyGroup: `g${index % 5000}` }));
  expect(Object.values(sizesOf(plan(many))).reduce((sum, size) => sum + size, 0)).toBe(50_000);
});
