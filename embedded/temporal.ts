import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { z } from 'zod';
import type { TemporalServer } from './temporal-server.ts';
import { launchUntilReady } from './launch.ts';
import { choosePort, type ConfiguredPort } from './ports.ts';
import type { ProcessIdentity } from './process-identity.ts';
import type { ProcessPlan } from './process-plan.ts';
import { readStateFile, writeStateFile } from './state-file.ts';
import { onFreePorts } from './taken-port.ts';

/**
 * The columns by which workflows are found, as `temporal server start-dev --search-attribute NAME=TYPE` wants them.
 * PostgreSQL and SQLite allow ten Keywords and three KeywordLists in a namespace.
 */
export type SearchAttributes = Readonly<Record<string, 'Keyword' | 'KeywordList'>>;

export type TemporalOptions = {
  /** Where everything embedded is kept, absolute. */
  readonly stateDirectory: string;
  readonly server: TemporalServer;
  /** Without one: that of the last start, else the usual one, else any. */
  readonly port?: ConfiguredPort;
  readonly uiPort?: ConfiguredPort;
  /** The dev server rounds timers up to about a second; `to the millisecond` costs it more work, for tests. */
  readonly timers: 'rounded up' | 'to the millisecond';
  /** Registered before it counts as ready; what is registered already stays. */
  readonly searchAttributes: SearchAttributes;
};

export type PlannedTemporal = {
  readonly plan: ProcessPlan;
  /** `127.0.0.1:7233` */
  readonly address: string;
  readonly namespace: string;
  /** Of the web UI: `http://127.0.0.1:8233` */
  readonly uiUrl: string;
};

export type RunningTemporal = Omit<PlannedTemporal, 'plan'> & {
  readonly identity: ProcessIdentity;
  readonly stop: () => Promise<void>;
};

/** What must be known to start again where the last start stopped; the rest is in the database file. */
const memory = z.object({
  port: z.number(),
  uiPort: z.number(),
  httpPort: z.number().optional(),
  metricsPort: z.number().optional(),
});
type Ports = Required<z.infer<typeof memory>>;

const namespace = 'default';

/**
 * Says how the Temporal server with its web UI is started over the database file of the state directory.
 * @throws Error with one sentence when a configured port is taken
 */
export async function planTemporal(options: TemporalOptions): Promise<PlannedTemporal> {
  const folder = path.join(options.stateDirectory, 'temporal');
  const file = path.join(folder, 'memory.json');
  const ports = await choosePorts(options, readStateFile(file, memory));
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  writeStateFile(file, ports);

  const address = `127.0.0.1:${ports.port}`;
  const listening = ['--ip', '127.0.0.1', '--port', String(ports.port), '--ui-port', String(ports.uiPort)];
  // Nobody of ours asks there; without them the server would draw them by chance.
  const besides = ['--http-port', String(ports.httpPort), '--metrics-port', String(ports.metricsPort)];
  const storing = ['--db-filename', path.join(folder, 'temporal.db'), '--log-level', 'warn', '--ui-disable-news-fetch'];
  const attributes = Object.entries(options.searchAttributes).flatMap(([name, type]) => [
    '--search-attribute',
    `${name}=${type}`,
  ]);
  const timing =
    options.timers === 'rounded up' ? [] : ['--dynamic-config-value', 'history.timerProcessorMaxTimeShift="1ms"'];
  const plan: ProcessPlan = {
    name: 'temporal',
    role: 'server',
    argv: [
      options.server.program,
      'server',
      'start-dev',
      ...listening,
      ...besides,
      ...storing,
      ...attributes,
      ...timing,
    ],
    environment: { HOME: folder },
    workingDirectory: folder,
    ports: Object.values(ports),
    ready: { when: 'temporal answers', address, namespace, searchAttributes: Object.keys(options.searchAttributes) },
    stop: { signal: 'SIGTERM', withinSeconds: 10 },
  };
  return { plan, address, namespace, uiUrl: `http://127.0.0.1:${ports.uiPort}` };
}

/**
 * Those it is told. Its services inside draw four more from the system's own range, which keeps them for a minute; a
 * server that finds one taken says so and ends.
 */
async function choosePorts(
  { port, uiPort }: TemporalOptions,
  known: z.infer<typeof memory> | undefined,
): Promise<Ports> {
  return {
    port: await choosePort({ configured: port, remembered: known?.port, usual: 7233, server: 'Temporal' }),
    uiPort: await choosePort({
      configured: uiPort,
      remembered: known?.uiPort,
      usual: 8233,
      server: "Temporal's web UI",
    }),
    httpPort: await choosePort({ configured: 'any', remembered: known?.httpPort, server: "Temporal's HTTP API" }),
    metricsPort: await choosePort({ configured: 'any', remembered: known?.metricsPort, server: "Temporal's figures" }),
  };
}

/** Has the server keep closed workflows for so long; a dev server forgets them after a day. */
export async function keepClosedWorkflows(address: string, namespace: string, days: number): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.updateNamespace({
      namespace,
      config: { workflowExecutionRetentionTtl: msToTs(days * 24 * 60 * 60 * 1000) },
    });
  } finally {
    await connection.close();
  }
}

/** A Temporal server without a supervisor, for tests and tools. */
export async function startTemporal(options: TemporalOptions): Promise<RunningTemporal> {
  return onFreePorts('Temporal', async () => {
    const { plan, ...addresses } = await planTemporal(options);
    const server = await launchUntilReady(plan, path.join(options.stateDirectory, 'log', 'temporal.log'));
    return { ...addresses, identity: server.identity, stop: server.stop };
  });
}
