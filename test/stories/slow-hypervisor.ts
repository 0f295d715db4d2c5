/**
 * Stands between the site's worker and what runs the simulated machines, as a hypervisor that is slow to answer: it does
 * what it is asked at once, and tells nobody until it is let go on. So a worker can be met inside a snapshot or a restore.
 */
import { EventEmitter, once } from 'node:events';
import { renameSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';
import { fleetDirectory } from '../../tools/simulated-fleet/fleet.ts';

export type SlowHypervisor = {
  /** Holds back the answer to the next request of that kind. */
  hold(method: string, path: RegExp): Held;
  close(): void;
};

export type Held = {
  /** Settles when it was done and nobody knows. */
  readonly done: Promise<void>;
  letGo(): void;
};

type Hold = {
  readonly method: string;
  readonly path: RegExp;
  readonly events: EventEmitter;
  readonly gone: Promise<unknown>;
};

export async function slowHypervisor(directory: string): Promise<SlowHypervisor> {
  const { socket } = fleetDirectory(directory);
  const behind = `${socket}.real`;
  renameSync(socket, behind);
  const holds: Hold[] = [];
  const server = createServer((asked, answer) => {
    pass(behind, holds, asked, answer).catch((error: Error) => answer.destroy(error));
  });
  server.listen(socket);
  await once(server, 'listening');
  return {
    hold(method, path) {
      const events = new EventEmitter();
      const done = once(events, 'done').then(() => undefined);
      holds.push({ method, path, events, gone: once(events, 'go') });
      return { done, letGo: () => void events.emit('go') };
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function pass(behind: string, holds: Hold[], asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const { method, url = '/', headers } = asked;
  const onward = request({ socketPath: behind, method, path: url, headers });
  asked.pipe(onward);
  const [done] = (await once(onward, 'response')) as [IncomingMessage];
  const held = holds.findIndex((each) => each.method === method && each.path.test(decodeURIComponent(url)));
  const [hold] = held < 0 ? [] : holds.splice(held, 1);
  hold?.events.emit('done');
  await hold?.gone;
  answer.writeHead(done.statusCode ?? 500, done.headers);
  done.pipe(answer);
}
