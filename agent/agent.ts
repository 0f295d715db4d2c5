/** The agent as a thing that can be started: once as a service, or many times in one process for a simulated fleet. */
import { once } from 'node:events';
import type { Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { controlName } from '../protocol/enrolment.ts';
import type { AgentConfiguration } from '../protocol/enrolment.ts';
import { makeFolderDurably } from '../system/whole-files.ts';
import { readGeneration } from './generation.ts';
import { readIdentity } from './identity.ts';
import type { Machine } from './machine.ts';
import { Operations } from './operations.ts';
import { routesOf } from './routes.ts';
import { createAgentServer } from './server.ts';

export type AgentOptions = {
  readonly machine: Machine;
  /** Ledger, key, certificate, generation. Made when absent. */
  readonly stateDirectory: string;
  /** Port 0 lets the system choose. */
  readonly listen: { readonly host: string; readonly port: number };
  /** The common name of the one caller that is answered; the provider's own where none is named. */
  readonly caller?: string;
  /** Needed only while the state directory holds no certificate. */
  readonly enrolment?: AgentConfiguration['enrolment'];
  /** Gives up an enrolment that is being tried. */
  readonly signal?: AbortSignal;
  readonly log?: (line: string) => void;
};

export type RunningAgent = {
  /** The common name of its certificate. */
  readonly endpointId: string;
  readonly address: { readonly host: string; readonly port: number };
  /** Stops serving at once. What runs on the machine goes on, and the next agent over the same state takes it up. */
  stop(): Promise<void>;
};

/**
 * Starts an agent: enrols it if it has no certificate, takes up what an earlier one left unfinished, and serves.
 * Throws when there is neither a certificate nor an enrolment, or the address cannot be had.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const { machine, stateDirectory, listen, caller = controlName, log = () => undefined } = options;
  await makeFolderDurably(stateDirectory);
  const identity = (await readIdentity(stateDirectory)) ?? (await enrolFirst(options, log));
  const operations = new Operations(machine, stateDirectory, log);
  const { endpointId } = identity;
  const routes = routesOf({ endpointId, machine, operations, readGeneration: () => readGeneration(stateDirectory) });
  const server = createAgentServer({ identity, caller, routes, log });
  const sockets = trackSockets(server);
  // Before an effect can be asked for: one of those may still be running.
  await operations.takeUpUnfinished();
  const port = await startListening(server, listen).catch((error: unknown) => {
    operations.stop();
    throw error;
  });
  return {
    endpointId,
    address: { host: listen.host, port },
    stop: async () => {
      operations.stop();
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function enrolFirst({ enrolment, stateDirectory, signal }: AgentOptions, log: (line: string) => void) {
  if (enrolment) {
    // Only here: an agent that has its certificate starts without the libraries that ask for one.
    const { enrol } = await import('./enrolment.ts');
    return enrol(enrolment, stateDirectory, signal ?? new AbortController().signal, log);
  }
  throw new Error(
    `There is no certificate in ${stateDirectory} and no enrolment in the configuration; enrol this endpoint.`,
  );
}

/** Also those still shaking hands, which the server's own list leaves out. */
function trackSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

async function startListening(server: Server, { host, port }: AgentOptions['listen']): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
