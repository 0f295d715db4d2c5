/**
 * Fetches the Temporal program as the SDK does for itself: node --import tsx temporal-server-download.ts FOLDER VERSION
 * A process of its own, because the SDK has one native runtime a process, and its owner is to configure it.
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [downloadDir, version] = process.argv.slice(2);
if (downloadDir === undefined || version === undefined)
  throw new Error('Usage: temporal-server-download.ts FOLDER VERSION');

const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: 'cached-download', downloadDir, version } },
});
await environment.teardown();
