import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type StandingInCycle, personNeededFor } from '../../domain/person-needed.ts';

const standing = (name: string, at = 1): StandingInCycle => ({
  cycleId: `cycle-${at}`,
  state: name === 'unknown' || name === 'waiting' ? name : 'ended',
  outcome: name === 'unknown' || name === 'waiting' ? null : name,
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
  ])('with %j, the newest first: %s', (names, because) => {
    expect(personNeededFor(names.map((name) => standing(name)))?.because[0] ?? null).toBe(because);
  });

  it('until something proves the endpoint, whatever else comes in between', () => {
    const idle = array(constantFrom('waiting', 'skipped', 'unchanged', 'superseded'), { maxLength: 5 });
    assert(
      property(
        idle,
        constantFrom('quarantined', 'unknown'),
        constantFrom('patched', 'rolled_back'),
        (some, bad, good) => {
          const open = [...some, bad].map((name) => standing(name));
          expect(personNeededFor(open)?.because).toEqual([`it is ${bad}`]);
          expect(personNeededFor([standing(good), ...open])).toBeNull();
        },
      ),
    );
  });
});
