/** Runs what needs a client's network: calls to agents, scans, snapshots, sandboxes, enrolment. It has no database. */
import { Worker } from '@temporalio/worker';
import { composeSite } from './compose.ts';
import { readConfig, siteConfig } from './config.ts';
import { startEnrolmentService } from './enrolment-service.ts';
import { connectWorker } from './temporal.ts';
import { siteTaskQueue } from '../domain/ids.ts';

const config = readConfig(siteConfig);
const { connection, namespace, client } = await connectWorker();
const { activities, enrolment } = await composeSite(config, client);
const worker = await Worker.create({
  connection,
  namespace,
  taskQueue: siteTaskQueue(config.PATCHCYCLE_SITE),
  activities,
  // A ring has up to 200 endpoints in flight, and each may hold one while its operation runs.
  maxConcurrentActivityTaskExecutions: 300,
  // An effect is taken up within a second or not at all: a burst of them must not wait for polls.
  maxConcurrentActivityTaskPolls: 20,
  shutdownGraceTime: '20 seconds',
  maxHeartbeatThrottleInterval: '2 seconds',
});
const enrolmentServer = await startEnrolmentService(enrolment);
console.log(`site worker of ${config.PATCHCYCLE_SITE} is ready`);
await worker.run();
await enrolmentServer.stop();
await connection.close();
