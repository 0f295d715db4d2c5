/**
 * `npm run debug:workflow -- HISTORY.json`: replays a recorded history in this thread, where a debugger reaches the
 * workflow. A history comes from test/histories, or of a running cycle from `temporal workflow show --output json`.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';

async function replay(file: string): Promise<void> {
  const history = JSON.parse(readFileSync(file, 'utf8'));
  Runtime.install({ logger: new DefaultLogger('WARN') });
  const workflowsPath = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
  await Worker.runReplayHistory({ workflowsPath }, history);
  console.log(`${file} replays.`);
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('Usage: npm run debug:workflow -- HISTORY.json   (test/histories has one of each shape)');
  process.exitCode = 2;
} else {
  await replay(file);
}
