import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type RecordMember,
  type SuccessorQuestion,
  judgeSuccessor,
  ringOfSuccessor,
  ringRepeated,
  successorOf,
  successorsAtMost,
} from '../../../domain/rollout/successor.ts';
import type { EndpointOutcome } from '../../../domain/endpoints/saga.ts';
import { type PatchId, patchKey } from '../../../domain/patch.ts';

const patch = (name: string): PatchId => ({ package: name, architecture: 'amd64', version: '2' });
const [cron, grep, sed] = [patch('cron'), patch('grep'), patch('sed')] as const;

function member(endpointId: string, more: Partial<RecordMember> = {}): RecordMember {
  return {
    endpointId,
    outcome: null,
    atWork: false,
    unknown: false,
    patches: [cron, grep],
    patchesAtFault: [],
    regressed: false,
    ...more,
  };
}
const rolledBack = (endpointId: string, ...patchesAtFault: readonly PatchId[]) =>
  member(endpointId, { outcome: 'rolled_back', patchesAtFault });
const excluded = (endpointId: string, ...patchesAtFault: readonly PatchId[]) =>
  member(endpointId, { outcome: 'skipped', patchesAtFault });

function judge(members: readonly RecordMember[], more: Partial<SuccessorQuestion> = {}) {
  const asked = { verdict: 'halt', isLastRing: false, made: 0, afterHalt: 'go on', healthDataPresent: true } as const;
  return judgeSuccessor({ ...asked, skipped: [], members, ...more });
}

describe('whether a halt becomes a successor', () => {
  const understood = [rolledBack('e1', cron), member('e2')];
  it.each([
    ['the failure points to one patch, others are left: it does', judge(understood), 'go on'],
    ['the policy asks a person', judge(understood, { afterHalt: 'ask' }), 'ask'],
    ['nobody could watch the soak: a person is asked', judge(understood, { healthDataPresent: false }), 'ask'],
    ['the policy wants none', judge(understood, { afterHalt: 'stop' }), 'no'],
    ['the failure points to nothing: nobody knows what to drop', judge([rolledBack('e1'), member('e2')]), 'no'],
    ['one of two failures points to nothing', judge([rolledBack('e1', cron), rolledBack('e2'), member('e3')]), 'no'],
    ['somebody’s state is not known', judge([...understood, member('e3', { unknown: true })]), 'no'],
    ['every patch is at fault: nothing is left', judge([rolledBack('e1', cron, grep), member('e2')]), 'no'],
    ['the bad patch was all there was', judge([{ ...rolledBack('e1', cron), patches: [cron] }]), 'no'],
    [
      'an endpoint could not be rolled back: a person is asked, whatever the policy says',
      judge([{ ...rolledBack('e1', cron), outcome: 'quarantined' }, member('e2')]),
      'ask',
    ],
    [
      'a regression in the soak that points to a patch',
      judge([member('e1', { outcome: 'patched', regressed: true, patchesAtFault: [cron] }), member('e2')]),
      'go on',
    ],
    [
      'a regression that points to nothing',
      judge([member('e1', { outcome: 'patched', regressed: true }), member('e2')]),
      'no',
    ],
    ['the last successor that is allowed', judge(understood, { made: successorsAtMost - 1 }), 'go on'],
    ['one more than is allowed', judge(understood, { made: successorsAtMost }), 'no'],
  ] as const)('%s', (_, successor, goesOn) => {
    expect(successor.goesOn).toBe(goesOn);
    expect(successor.because.length).toBeGreaterThan(0);
  });

  it('names what leaves, and for what', () => {
    expect(judge(understood).because).toEqual([
      'cron 2 leaves the record: e1 failed its proof with cron 2',
      '2 endpoints get the rest, from the first ring on',
      'the policy lets it go on',
    ]);
  });
});

describe('whether those that the breaker left out get a successor', () => {
  const members = [member('e1', { outcome: 'patched', patches: [grep] }), excluded('e2', cron)];
  it.each([
    ['when the last ring is through', judge(members, { verdict: 'advance', isLastRing: true }), 'go on'],
    ['not while other rings go on with what is proven', judge(members, { verdict: 'advance' }), 'no'],
    ['when a gate is held, waiting for them in vain', judge(members, { verdict: 'hold' }), 'go on'],
    [
      'nobody is asked: that the patch is bad is decided',
      judge(members, { verdict: 'hold', afterHalt: 'ask' }),
      'go on',
    ],
    [
      'a person is asked where nobody could watch the soak',
      judge(members, { verdict: 'hold', healthDataPresent: false }),
      'ask',
    ],
    ['not where the policy wants none', judge(members, { verdict: 'hold', afterHalt: 'stop' }), 'no'],
    ['not where nobody was left out', judge([member('e1')], { verdict: 'hold' }), 'no'],
    [
      'not where the stopped patch was all they had',
      judge([{ ...excluded('e2', cron), patches: [cron] }], { verdict: 'hold' }),
      'no',
    ],
  ] as const)('%s', (_, successor, goesOn) => {
    expect(successor.goesOn).toBe(goesOn);
  });
});

describe('a patch that a person has skipped', () => {
  const byDana = [{ ...cron, skippedBy: 'dana', reason: 'the tills break' }];
  const members = [member('e1', { outcome: 'patched', patches: [grep] }), excluded('e2', cron)];
  const skip = (more: Partial<SuccessorQuestion> = {}, whose: readonly RecordMember[] = members) =>
    judge(whose, { verdict: 'hold', skipped: byDana, ...more });

  it.each([
    ['leaves the record whatever the policy says of halts', skip({ afterHalt: 'stop' }), 'go on'],
    [
      'leaves it though nobody could watch the soak: it does not go on by itself',
      skip({ healthDataPresent: false }),
      'go on',
    ],
    ['leaves it after as many successors as halts may have', skip({ made: successorsAtMost }), 'go on'],
    ['leaves it when the rings that are proven are through', skip({ verdict: 'advance', isLastRing: true }), 'go on'],
    ['waits for those rings', skip({ verdict: 'advance' }), 'no'],
    [
      'explains a halt for which it is at fault',
      skip({ verdict: 'halt', afterHalt: 'stop' }, [rolledBack('e1', cron), excluded('e2', cron)]),
      'go on',
    ],
    [
      'leaves a halt for another patch to the policy',
      skip({ verdict: 'halt', afterHalt: 'ask' }, [
        rolledBack('e1', grep),
        excluded('e2', cron),
        member('e3', { patches: [sed] }),
      ]),
      'ask',
    ],
    ['has no successor where it was all there was', skip({}, [{ ...excluded('e2', cron), patches: [cron] }]), 'no'],
    ['has none while somebody’s state is not known', skip({}, [...members, member('e3', { unknown: true })]), 'no'],
  ] as const)('%s', (_, successor, goesOn) => {
    expect(successor.goesOn).toBe(goesOn);
  });

  it('leaves for the person’s reason, beside what failed for its own', () => {
    const i386 = { ...cron, architecture: 'i386' };
    const both = [...byDana, { ...i386, skippedBy: 'dana', reason: 'the tills break' }];
    const whose = [rolledBack('e1', grep), excluded('e2', cron, i386), member('e3')].map((one) => ({
      ...one,
      patches: [cron, i386, grep, sed],
    }));
    expect(skip({ verdict: 'halt', skipped: both }, whose).because).toEqual([
      'cron 2 leaves the record: skipped by dana: the tills break',
      'grep 2 leaves the record: e1 failed its proof with grep 2',
      '3 endpoints get the rest, from the first ring on',
      'the policy lets it go on',
    ]);
  });
});

describe('who is in a successor', () => {
  it.each([
    ['an endpoint that was rolled back for the bad patch', rolledBack('e9', cron), 'it was rolled back for cron 2'],
    ['whoever was left out for it', excluded('e9', cron), 'it was left out for cron 2'],
    ['whoever’s turn had not come', member('e9'), 'its turn had not come'],
    ['whoever was silent at the planning', member('e9', { patches: null }), 'what is due on it is not known yet'],
    ['not who was patched', member('e9', { outcome: 'patched' }), null],
    ['not who is worked on: it ends with what it was given', member('e9', { atWork: true }), null],
    ['not who was quarantined', { ...rolledBack('e9', cron), outcome: 'quarantined' as const }, null],
    ['not who was skipped for another reason', member('e9', { outcome: 'skipped' }), null],
    ['not who has nothing left', member('e9', { patches: [cron] }), null],
  ])('%s', (_, asked, because) => {
    const { members } = judge([rolledBack('e1', cron), asked]);
    expect(members.find(({ endpointId }) => endpointId === 'e9')?.because ?? null).toBe(because);
  });
});

describe('the rings of a successor', () => {
  it('have names of their own, from which the record and the policy’s ring are read', () => {
    expect(ringOfSuccessor('canary', 0)).toBe('canary');
    const name = ringOfSuccessor('rest, part 2', 3);
    expect([name, successorOf(name), ringRepeated(name)]).toEqual(['rest, part 2, successor 3', 3, 'rest, part 2']);
    expect([successorOf('canary'), ringRepeated('canary')]).toEqual([0, 'canary']);
  });
});

describe('of any record', () => {
  const some = fc.uniqueArray(fc.constantFrom(cron, grep, sed), { selector: patchKey });
  const anyMember = fc
    .record({
      endpointId: fc.uuid(),
      outcome: fc.constantFrom<EndpointOutcome | null>(
        null,
        null,
        'patched',
        'rolled_back',
        'quarantined',
        'skipped',
        'unchanged',
      ),
      unknown: fc.boolean(),
      patches: fc.option(some),
      atFault: some,
      regresses: fc.boolean(),
    })
    .map(({ endpointId, outcome, unknown, patches, atFault, regresses }): RecordMember => {
      const blames = outcome === 'rolled_back' || outcome === 'quarantined' || outcome === 'skipped';
      const regressed = outcome === 'patched' && regresses;
      return {
        endpointId,
        outcome,
        atWork: false,
        unknown: outcome === null && unknown,
        patches,
        patchesAtFault: blames || regressed ? atFault.filter((one) => patches?.includes(one)) : [],
        regressed,
      };
    });
  const anyQuestion = fc.record({
    verdict: fc.constantFrom('advance' as const, 'hold' as const, 'halt' as const),
    isLastRing: fc.boolean(),
    made: fc.nat({ max: 4 }),
    healthDataPresent: fc.boolean(),
    afterHalt: fc.constantFrom('stop' as const, 'ask' as const, 'go on' as const),
    skipped: some.map((patches) => patches.map((each) => ({ ...each, skippedBy: 'dana', reason: 'it breaks' }))),
    members: fc.array(anyMember, { maxLength: 8 }),
  });

  it('a successor gives nobody a dropped patch alone, nothing to who was patched, and every failure is explained', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const successor = judgeSuccessor(question);
        if (successor.goesOn === 'no') return;
        const skipped = new Set(question.skipped.map(patchKey));
        const byPerson = successor.dropped.every((one) => skipped.has(patchKey(one)));
        if (!byPerson) expect(question.made).toBeLessThan(successorsAtMost);
        if (!byPerson) expect(question.afterHalt).not.toBe('stop');
        if (successor.goesOn === 'go on' && !byPerson) {
          expect(question.healthDataPresent).toBe(true);
          expect(question.members.some((one) => one.outcome === 'quarantined')).toBe(false);
        }
        expect(question.members.some((one) => one.unknown)).toBe(false);
        const dropped = new Set(successor.dropped.map(patchKey));
        expect(dropped.size).toBeGreaterThan(0);
        const going = new Set(successor.members.map((one) => one.endpointId));
        for (const one of question.members) {
          const left = one.patches?.filter((each) => !dropped.has(patchKey(each))) ?? null;
          if (going.has(one.endpointId)) {
            expect(left?.length).not.toBe(0);
            expect(['rolled_back', 'skipped', null]).toContain(one.outcome);
          }
          const failed = one.outcome === 'rolled_back' || one.outcome === 'quarantined' || one.regressed;
          if (failed && question.verdict === 'halt') expect(one.patchesAtFault.length).toBeGreaterThan(0);
          for (const blamed of failed ? one.patchesAtFault : []) expect(dropped).toContain(patchKey(blamed));
        }
      }),
    );
  });

  it('the order of the members changes nothing but the order of its members', () => {
    fc.assert(
      fc.property(anyQuestion, (question) => {
        const [one, other] = [
          judgeSuccessor(question),
          judgeSuccessor({ ...question, members: question.members.toReversed() }),
        ];
        expect(other.goesOn).toBe(one.goesOn);
        expect(other.dropped.map(patchKey).toSorted()).toEqual(one.dropped.map(patchKey).toSorted());
        expect(other.members.map((each) => each.endpointId).toSorted()).toEqual(
          one.members.map((each) => each.endpointId).toSorted(),
        );
      }),
    );
  });
});
