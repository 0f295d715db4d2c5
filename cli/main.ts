/**
 * The patchcycle command: one grammar, `patchcycle NOUN VERB`, and a file a noun or verb. Exit codes are in exit.ts.
 */
import { Command } from 'commander';
import { applyCommand } from './apply.ts';
import { completionCommand } from './completion.ts';
import { cycleCommand } from './cycle.ts';
import { demoCommand } from './demo.ts';
import { downCommand } from './down.ts';
import { emergencyCommand } from './emergency.ts';
import { endpointCommand } from './endpoint.ts';
import { exitCodes, exitCodeOf, sentenceOf } from './exit.ts';
import { patchCommand } from './patch.ts';
import { reportCommand } from './report.ts';
import { siteCommand } from './site.ts';
import { snapshotCommand } from './snapshot.ts';
import { statusCommand } from './status.ts';
import { upCommand } from './up.ts';
import { whyCommand } from './why.ts';
import { windowCommand } from './window.ts';

const program = new Command('patchcycle')
  .description('Patch cycles for managed service providers, as durable workflows.')
  .addHelpText(
    'after',
    `\nExit codes:\n${Object.entries(exitCodes)
      .map(([meaning, code]) => `  ${code}  ${meaning}`)
      .join('\n')}`,
  )
  .configureHelp({ showGlobalOptions: true })
  .exitOverride()
  .option('--state <dir>', 'where everything embedded is kept', '.patchcycle');

for (const add of [
  upCommand,
  statusCommand,
  downCommand,
  demoCommand,
  applyCommand,
  endpointCommand,
  cycleCommand,
  emergencyCommand,
  patchCommand,
  reportCommand,
  whyCommand,
  windowCommand,
  snapshotCommand,
  siteCommand,
  completionCommand,
])
  add(program);

// Whoever reads no further, as head does, has what it wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  const sentence = sentenceOf(error);
  if (sentence) console.error(sentence);
  process.exitCode = exitCodeOf(error);
}
