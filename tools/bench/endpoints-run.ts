/** The benchmark itself, in a process that may be killed at any moment: endpoints.ts started it, and clears up. */
import { loadavg } from 'node:os';
import { figuresOf, type Pair } from './figures.ts';
import { type Options, readOptions } from './options.ts';
import { SameEverywhere, runPair } from './pair.ts';
import { onceMore, sentenceOf } from './repeat.ts';
import { setUp, takeDown } from './stage.ts';

const say = (line: string) => console.log(line);

async function compare(options: Options): Promise<void> {
  const startAgain = () => takeDown(options.state);
  const stand = () => onceMore('The set-up', () => setUp(options, say), { startAgain, say });
  let stage = await stand();
  const same = new SameEverywhere();
  const again = {
    say,
    startAgain: async () => {
      await takeDown(options.state);
      stage = await stand();
    },
  };
  say('warming the caches, not counted:');
  await onceMore('The run that warms the caches', () => runPair(stage, same, say), again);
  const pairs: Pair[] = [];
  for (let run = 1; run <= options.runs; run += 1) {
    say(`run ${run} of ${options.runs}, load ${loadavg()[0]?.toFixed(1)}:`);
    pairs.push(await onceMore(`Run ${run}`, () => runPair(stage, same, say), again));
  }
  for (const line of figuresOf(pairs)) say(line);
}

// Who clears up is gone: the next benchmark will do it.
process.once('disconnect', () => process.exit(1));
try {
  await compare(readOptions());
  process.exit(0);
} catch (error) {
  console.error(sentenceOf(error));
  process.exit(1);
}
