/** Whether the Node that runs this program still gets security updates, by the data that ships with it. */
import { fileURLToPath } from 'node:url';
import { supportFiles } from '../activities/adapters/feeds/files.ts';
import { type RuntimeSupport, judgeRuntimeSupport } from '../domain/reports/runtime-support.ts';

const dataFolder = fileURLToPath(new URL('../data', import.meta.url));

/** @throws FeedUnreadable when the data cannot be read */
export async function nodeSupport(): Promise<RuntimeSupport> {
  const version = process.versions.node;
  const [line = ''] = version.split('.');
  const { endsAt } = await supportFiles(dataFolder).supportEnd('nodejs', line);
  return judgeRuntimeSupport(version, endsAt, new Date().toISOString());
}
