import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type SagaState,
  type EndpointState,
  columnsAfter,
  columnsOf,
  ends,
  firstState,
  isEnd,
  isStage,
  recordedAs,
  refusalOfMove,
  refusalOfStep,
  stages,
  stateOf,
  transitions,
} from '../../../domain/endpoints/saga.ts';
import { sagaPage, sagaPath } from '../../../tools/diagram.ts';

const states = [...new Set(transitions.flatMap(({ from, to }) => [from, to]))];
const endpointStates = [...new Set(states.map(recordedAs))];
const after = (state: SagaState) => transitions.filter(({ from }) => from === state).map(({ to }) => to);

/** Everything that can be reached, without passing through `without`. */
function reachable(start: SagaState, without?: SagaState): ReadonlySet<SagaState> {
  const seen = new Set<SagaState>();
  const visit = (state: SagaState): void => {
    if (seen.has(state) || state === without) return;
    seen.add(state);
    for (const next of after(state)) visit(next);
  };
  visit(start);
  return seen;
}

describe('the table of the endpoint saga', () => {
  it('has each way once, each with what causes it', () => {
    const ways = transitions.map(({ from, to }) => `${from} → ${to}`);
    expect(new Set(ways).size).toBe(ways.length);
    for (const { when } of transitions) expect(when).toMatch(/^[a-z].*[a-z]$/);
  });

  it('reaches an end from every state', () => {
    for (const state of states) expect([state, [...reachable(state)].some(isEnd)]).toEqual([state, true]);
  });

  it('reaches every state from the first', () => {
    expect([...reachable(firstState)].toSorted()).toEqual([...states].toSorted());
  });

  it('has the six ends of rule 7, and no way out of them but by a person or a successor of the record', () => {
    expect(states.filter(isEnd).toSorted()).toEqual([...ends].toSorted());
    const out = transitions.filter(({ from }) => isEnd(from)).map(({ from, to }) => `${from} → ${to}`);
    expect(out).toEqual(['patched → rolling back', 'skipped → planned', 'rolled_back → planned']);
  });

  it('comes to nothing by an install that no snapshot was looked at for, and to patched by no way but proof', () => {
    expect([...reachable(firstState, 'snapshotting')]).not.toContain('installing');
    const proves = transitions.filter(({ to }) => to === 'patched').map(({ from }) => from);
    expect(proves.toSorted()).toEqual(['proving', 'rolling back', 'unknown']);
  });

  it('lets nothing that may have changed an endpoint go back to waiting', () => {
    const changing = ['bringing into effect', 'proving', 'restoring', 'rolling back', 'unknown'] as const;
    for (const state of changing) expect(after(state)).not.toContain('waiting');
  });

  it('loses the sight of whatever is worked on, and of nothing else', () => {
    const lost = transitions.filter(({ to }) => to === 'unknown').map(({ from }) => from);
    expect(lost.toSorted()).toEqual(['admitted', 'rolling back', ...stages].toSorted());
  });

  it('is what moves endpoints: no activity writes a state by hand', () => {
    const project = join(import.meta.dirname, '..', '..', '..');
    const files = ['activities', 'record'].flatMap((room) =>
      readdirSync(join(project, room), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => join(project, room, file)),
    );
    const written = /data: \{[^{}]*\bstate: '(planned|waiting|admitted|in flight|rolling back|unknown|ended)'/;
    const byHand = files.filter((file) => written.test(readFileSync(file, 'utf8')));
    expect(files.length).toBeGreaterThan(60);
    expect(byHand).toEqual([]);
  });

  it('is what the documentation shows', () => {
    expect(readFileSync(sagaPath, 'utf8'), 'run `npm run diagram`').toBe(sagaPage());
  });
});

describe('moving an endpoint', () => {
  const anyState = fc.constantFrom(...states);
  const anyEndpointState = fc.constantFrom(...endpointStates);

  it('is refused with a sentence exactly where the table has no way', () => {
    fc.assert(
      fc.property(anyState, anyState, (from, to) => {
        const known = from === to || after(from).includes(to);
        const refused = refusalOfStep(from, to);
        expect(refused === null).toBe(known);
        if (refused) expect(refused).toMatch(/^An endpoint that is .* cannot become .*\.$/);
      }),
    );
  });

  it('is allowed on record where some stage behind it allows it, and nowhere else', () => {
    fc.assert(
      fc.property(anyEndpointState, anyEndpointState, (from, to) => {
        const allowed = states
          .filter((state) => recordedAs(state) === from)
          .some((state) => after(state).some((next) => recordedAs(next) === to));
        expect(refusalOfMove(from, to) === null).toBe(from === to || allowed);
      }),
    );
  });

  it('keeps any walk through the table on record legal, whatever its length', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (choices) => {
        let at: SagaState = firstState;
        for (const choice of choices) {
          const ways = after(at);
          if (ways.length === 0) return;
          const to = ways[choice % ways.length] as SagaState;
          expect(refusalOfMove(recordedAs(at), recordedAs(to))).toBeNull();
          at = to;
        }
      }),
    );
  });

  it('reads from a row what it wrote into it', () => {
    for (const endpointState of endpointStates) expect(stateOf(columnsOf(endpointState))).toBe(endpointState);
  });

  it.each([
    ['ended', null],
    ['ended', 'waiting'],
    ['patched', 'patched'],
    ['installing', null],
    ['lost', null],
  ])('does not know a row that is %s with the outcome %s', (state, outcome) => {
    expect(() => stateOf({ state, outcome })).toThrow(/look at its row/);
  });

  it.each<[EndpointState, EndpointState]>([
    ['quarantined', 'patched'],
    ['rolled_back', 'in flight'],
    ['skipped', 'in flight'],
    ['planned', 'patched'],
    ['waiting', 'patched'],
    ['patched', 'waiting'],
    ['unknown', 'waiting'],
  ])('refuses what is %s to become %s', (from, to) => {
    expect(refusalOfMove(from, to)).toMatch(/cannot become/);
    expect(() => columnsAfter([from], to)).toThrow(/cannot become/);
  });

  it('writes many rows at once only where each may go', () => {
    expect(columnsAfter(['planned', 'admitted', 'waiting'], 'skipped')).toEqual({ state: 'ended', outcome: 'skipped' });
    expect(columnsAfter(['admitted'], 'waiting')).toEqual({ state: 'waiting', outcome: null });
    expect(() => columnsAfter(['planned', 'patched'], 'skipped')).toThrow(/patched cannot become skipped/);
  });

  it('knows a stage as being in flight', () => {
    for (const state of states) expect(recordedAs(state) === 'in flight').toBe(isStage(state));
  });
});
