import { expect, test } from 'vitest';
import { WrongResult, onceMore } from '../../../tools/bench/repeat.ts';

/** Makes what is told, in turn, and notes what was said and done. */
function making(...answers: readonly (string | Error)[]) {
  const happened: string[] = [];
  const left = [...answers];
  const made = onceMore(
    'Run 3',
    async () => {
      const answer = left.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    {
      startAgain: async () => void happened.push('started again'),
      say: (line) => happened.push(line),
    },
  );
  return { made, happened };
}

test('a run that can be made is made once', async () => {
  const { made, happened } = making('figures');
  expect(await made).toBe('figures');
  expect(happened).toEqual([]);
});

test('a run that fails is made once more from the start, and says why', async () => {
  const { made, happened } = making(new Error('The cache is gone.'), 'figures');
  expect(await made).toBe('figures');
  expect(happened).toEqual(['Run 3 failed, and is made once more from the start: The cache is gone.', 'started again']);
});

test('a run that fails twice ends the benchmark with a sentence', async () => {
  const { made } = making(new Error('The cache is gone.'), new Error('e1 does not boot.'), 'figures');
  await expect(made).rejects.toThrow('Run 3 failed twice: e1 does not boot.');
});

test('a wrong result is not made again until it looks right', async () => {
  const { made, happened } = making(new WrongResult('e2 has other packages.'), 'figures');
  await expect(made).rejects.toThrow('e2 has other packages.');
  expect(happened).toEqual([]);
});
