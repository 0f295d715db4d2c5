/** `npm run test:long -- NAME`: tests that take too long for `npm test`. Each writes what came out into docs/proofs.md. */
import { recordProof, type LongTest } from './proofs.ts';
import { serverStarts } from './server-starts.ts';

const longTests: Readonly<Record<string, LongTest>> = { 'server-starts': serverStarts };

const [name = ''] = process.argv.slice(2);
const longTest = longTests[name];
if (longTest === undefined) {
  const names = Object.keys(longTests).join(', ');
  console.error(
    `There is no long test ${name || 'without a name'}: write "npm run test:long -- NAME" with one of ${names}.`,
  );
  process.exitCode = 2;
} else {
  const { passed, figures } = await longTest((line) => console.log(line));
  recordProof(name, { passed, figures });
  console.log([...figures, passed ? 'Passed.' : 'Failed.'].join('\n'));
  process.exitCode = passed ? 0 : 1;
}
