import { resolve } from 'node:path';
import type { Command } from 'commander';
import { reportFiles } from '../reports/files.ts';
import { printJson } from './print.ts';
import { withRunning } from './running.ts';

export function reportCommand(program: Command): void {
  const report = program.command('report').description("Writes a cycle's report.");
  report
    .command('write')
    .description("Writes a cycle's report, as of now: HTML and JSON.")
    .argument('<cycle>', 'its id, as cycle list shows it')
    .option('-o, --output <dir>', 'where to', 'reports-out')
    .option('--json', 'print the paths as JSON')
    .action(async (cycleId: string, options: { output: string; json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const { writeReport } = await import('../operator/facts.ts');
        const paths = await writeReport(running, { cycleId, folder: resolve(options.output) }, reportFiles);
        if (options.json) return printJson({ cycleId, reportPaths: paths });
        for (const path of paths) console.log(path);
      });
    });
}
