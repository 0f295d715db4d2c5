import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type StateInCycle, personNeededFor, quarantinesOf } from '../../../domain/endpoints/person-needed.ts';

const stateOf = (name: string, at = 1): StateInCycle => ({
  cycleId: `cycle-${at}`,
  state: name === 'unknown' || name === 'waiting' ? name : 'ended',
  outcome: name === 'unknown' || name === 'waiting' ? null : name === 'released' ? 'quarantined' : name,
  released: name === 'released',
  at: `2026-12-0${at}T00:00:00.000Z`,
  because: [`it is ${name}`],
});

describe('a person is needed', () => {
  it.each<[readonly string[], string | null]>([
    [[], null],
    [['patched'], null],
    [['quarantined'], 'it is quarantined'],
    [['unknown'], 'it is unknown'],
    [['unchanged', 'quarantined'], 'it is quarantined'],
    [['waiting', 'skipped', 'unknown'], 'it is unknown'],
    [['patched', 'quarantined'], null],
    [['rolled_back', 'unknown'], null],
    [['quarantined', 'patched'], 'it is quarantined'],
    [['released'], null],
    [['released', 'unknown'], null],
    [['skipped', 'released', 'quarantined'], null],
    [['quarantined', 'released'], 'it is quarantined'],
    [['unknown', 'released'], 'it is unknown'],
  ])('with %j, the newest first: %s', (names, because) => {
    expect(personNeededFor(names.map((name) => stateOf(name)))?.because[0] ?? null).toBe(because);
  });

  it('until something proves the endpoint, or a person releases it, whatever else comes in between', () => {
    const idle = array(constantFrom('waiting', 'skipped', 'unchanged', 'superseded'), { maxLength: 5 });
    assert(
      property(
        idle,
        constantFrom('quarantined', 'unknown'),
        constantFrom('patched', 'rolled_back', 'released'),
        (some, bad, good) => {
          const open = [...some, bad].map((name) => stateOf(name));
          expect(personNeededFor(open)?.because).toEqual([`it is ${bad}`]);
          expect(personNeededFor([stateOf(good), ...open])).toBeNull();
        },
      ),
    );
  });
});

describe('a release ends', () => {
  it.each<[readonly string[], readonly string[]]>([
    [['quarantined'], ['cycle-1']],
    [
      ['skipped', 'quarantined', 'waiting', 'quarantined'],
      ['cycle-2', 'cycle-4'],
    ],
    [['quarantined', 'patched', 'quarantined'], ['cycle-1']],
    [['quarantined', 'released', 'quarantined'], ['cycle-1']],
    [['patched', 'quarantined'], []],
    [['unknown'], []],
  ])('of %j, the newest first, the quarantines of %j', (names, cycleIds) => {
    const states = names.map((name, index) => stateOf(name, index + 1));
    expect(quarantinesOf(states).map(({ cycleId }) => cycleId)).toEqual(cycleIds);
  });
});
