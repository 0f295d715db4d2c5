/** Runs the workflows, and the activities that need the database. */
import { Worker } from '@temporalio/worker';
import { controlTaskQueue } from '../domain/cycle.ts';
import { composeControl } from './compose.ts';
import { controlConfig, readConfig } from './config.ts';
import { connectClient, connectWorker } from './temporal.ts';
import { workflowBundle } from './workflow-bundle.ts';

const client = await connectClient();
const { activities, close } = await composeControl(readConfig(controlConfig), client);
const { connection, namespace } = await connectWorker();
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
await client.connection.close();
await connection.close();
await close();
