/** Runs the workflows, and the activities that need the database. */
import { Worker } from '@temporalio/worker';
import { composeControl } from './compose.ts';
import { controlConfig, readConfig } from './config.ts';
import { connectWorker } from './temporal.ts';
import { workflowBundle } from './workflow-bundle.ts';
import { controlTaskQueue } from '../domain/ids.ts';

const { connection, namespace, client } = await connectWorker();
const { activities, close } = await composeControl(readConfig(controlConfig), client);
const worker = await Worker.create({
  connection,
  namespace,
  taskQueue: controlTaskQueue,
  workflowBundle: await workflowBundle(),
  activities,
  shutdownGraceTime: '10 seconds',
});
console.log('control worker is ready');
await worker.run();
await connection.close();
await close();
