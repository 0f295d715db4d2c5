/** `npm run simulate`: draws scenarios from seeds, runs the product's workflows through them, and judges what came of it. */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { everyRule } from './checker/checker.ts';
import { sampleAgrees } from './agreement/sample.ts';
import { together } from './checker/gate-tally.ts';
import { iso } from './checker/rule.ts';
import { type SeedResult, addUp } from './judge-seed.ts';
import type { Share } from './seed-worker.ts';

const processes = 2;
/** Who waits is told how far it is. */
const seedsBetweenWords = 100;
/** Sentences of one seed that are printed. */
const sentencesAtMost = 5;

type Wish = {
  readonly from: number;
  readonly seeds: number;
  readonly endpoints: number;
  readonly single: boolean;
  /** The process of the seed waits for a debugger. */
  readonly inspect: boolean;
  /** So many of the seeds are played on a real server too. */
  readonly agree: number;
};

await main(readWish());

function readWish(): Wish {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '100' },
      endpoints: { type: 'string', default: '200' },
      seed: { type: 'string' },
      from: { type: 'string', default: '1' },
      agree: { type: 'string' },
      inspect: { type: 'boolean', default: false },
    },
  });
  const single = values.seed !== undefined;
  if (values.inspect && !single) throw new Error('--inspect: name the seed to look at, with --seed N.');
  return {
    from: wholeNumber('seed', values.seed ?? values.from),
    seeds: single ? 1 : wholeNumber('seeds', values.seeds),
    endpoints: wholeNumber('endpoints', values.endpoints),
    single,
    inspect: values.inspect,
    agree: values.agree === undefined ? 0 : wholeNumber('agree', values.agree),
  };
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new Error(`--${name} ${text}: write a whole number from 1.`);
}

async function main(wish: Wish): Promise<void> {
  const agrees = wish.agree === 0 || (await sampleAgrees(sampleOf(wish)));
  const startedAt = performance.now();
  const results = await judgeAll(wish);
  const seconds = (performance.now() - startedAt) / 1000;
  const failed = results.filter(({ violations, complaints }) => violations.length + complaints.length > 0);
  const exercised = addUp(results.map((result) => result.exercised));
  const idle = wish.single ? [] : everyRule.filter((rule) => !exercised[rule]);

  printCounts('faults met', addUp(results.map(({ faults }) => faults)));
  printCounts('orders', addUp(results.map(({ orders }) => orders)));
  printCounts('endpoints', addUp(results.map(({ ends }) => ends)));
  console.log(`rules judged: ${everyRule.map((rule) => `${rule}: ${exercised[rule] ?? 0}`).join(', ')}`);
  printGates(results);
  console.log(
    `${results.length} seeds in ${seconds.toFixed(0)} s, ${(results.length / seconds).toFixed(1)} seeds a second`,
  );
  for (const rule of idle) console.log(`rule ${rule} was never judged: nothing that these seeds did had to do with it`);
  if (results.length < wish.seeds)
    console.log(`${wish.seeds - results.length} seeds were not judged: their process died`);
  for (const result of failed) printFailed(result, wish);
  const violations = failed.reduce((sum, result) => sum + result.violations.length + result.complaints.length, 0);
  console.log(`${results.length} seeds, ${violations} violations`);
  if (!agrees || violations > 0 || idle.length > 0 || results.length < wish.seeds) process.exitCode = 1;
}

/** Some of the seeds, as far from each other as they can be. */
function sampleOf({ from, seeds, agree }: Wish): readonly number[] {
  const size = Math.min(agree, seeds);
  return Array.from({ length: size }, (_, index) => from + Math.floor((index * seeds) / size));
}

async function judgeAll({ from, seeds, endpoints, inspect }: Wish): Promise<readonly SeedResult[]> {
  const until = from + seeds - 1;
  const step = Math.min(processes, seeds);
  const shares = Array.from({ length: step }, (_, index): Share => ({
    from: from + index,
    until,
    step,
    size: { endpointsAtMost: endpoints },
  }));
  let judged = 0;
  const tell = () => {
    judged += 1;
    if (judged % seedsBetweenWords === 0) console.error(`${judged} of ${seeds} seeds`);
  };
  const results = (await Promise.all(shares.map((share) => judgeElsewhere(share, inspect, tell)))).flat();
  return results.toSorted((a, b) => a.seed - b.seed);
}

function judgeElsewhere(share: Share, inspect: boolean, tell: () => void): Promise<SeedResult[]> {
  const execArgv = [...process.execArgv, ...(inspect ? ['--inspect-brk=127.0.0.1:9229'] : [])];
  const worker = fork(new URL('seed-worker.ts', import.meta.url), { execArgv });
  const results: SeedResult[] = [];
  worker.on('message', (result: SeedResult) => {
    results.push(result);
    tell();
  });
  worker.send(share);
  return new Promise((resolve, reject) => {
    worker.on('error', reject);
    worker.on('exit', () => resolve(results));
  });
}

function printCounts(title: string, counts: Readonly<Record<string, number>>): void {
  const sorted = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  console.log(`${title}: ${sorted.map(([name, count]) => `${name}: ${count}`).join(', ') || 'none'}`);
}

function printGates(results: readonly SeedResult[]): void {
  const { good, falseHalts, bad, missedHalts } = together(results.map(({ gates }) => gates));
  const share = (part: number, whole: number) => (whole === 0 ? 'none' : `${((100 * part) / whole).toFixed(1)}%`);
  console.log(
    `gates: ${falseHalts} of ${good} over good patches halted (${share(falseHalts, good)}),` +
      ` ${missedHalts} of ${bad} over bad ones advanced (${share(missedHalts, bad)})`,
  );
}

function printFailed({ seed, violations, complaints }: SeedResult, { endpoints }: Wish): void {
  console.log(`seed ${seed}: npm run simulate -- --seed ${seed} --endpoints ${endpoints}`);
  for (const { rule, at, sentence } of violations.slice(0, sentencesAtMost))
    console.log(`  rule ${rule}, ${iso(at)}: ${sentence}`);
  for (const complaint of complaints.slice(0, sentencesAtMost)) console.log(`  ${complaint}`);
}
