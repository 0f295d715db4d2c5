/**
 * Stands between the site's worker and what runs the simulated machines, as a hypervisor that is slow to answer: it does
 * what it is asked at once, and tells nobody until it is let go on. So a worker can be met inside a snapshot or a restore.
 */
import { EventEmitter, once } from 'node:events';
import { renameSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer, request } from 'node:http';
import { fleetDirectory } from '../../../fleets/simulated/client.ts';

export type SlowHypervisor = {
  /** Holds back the answer to the next request of that kind, and to its repetitions by whoever did not wait so long. */
  hold(method: string, path: RegExp): Held;
  close(): void;
};

export type Held = {
  /** Settles when it was done and nobody knows. */
  readonly done: Promise<void>;
  letGo(): void;
};

type HeldCall = {
  readonly method: string;
  readonly path: RegExp;
  readonly events: EventEmitter;
  readonly gone: Promise<unknown>;
  /** Of the request that is held; undefined before there is one. */
  url?: string;
};

export async function slowHypervisor(directory: string): Promise<SlowHypervisor> {
  const { socket } = fleetDirectory(directory);
  const behind = `${socket}.real`;
  renameSync(socket, behind);
  const holds: HeldCall[] = [];
  const server = createServer((asked, answer) => {
    pass(behind, holds, asked, answer).catch((error: Error) => answer.destroy(error));
  });
  server.listen(socket);
  await once(server, 'listening');
  return {
    hold(method, path) {
      const events = new EventEmitter();
      const done = once(events, 'done').then(() => undefined);
      const held: HeldCall = { method, path, events, gone: once(events, 'go') };
      holds.push(held);
      const letGo = () => {
        holds.splice(holds.indexOf(held), 1);
        events.emit('go');
      };
      return { done, letGo };
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function pass(behind: string, holds: HeldCall[], asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const { method, url = '/', headers } = asked;
  const onward = request({ socketPath: behind, method, path: url, headers });
  asked.pipe(onward);
  const [done] = (await once(onward, 'response')) as [IncomingMessage];
  const isHeld = (hold: HeldCall) =>
    hold.url === undefined ? hold.path.test(decodeURIComponent(url)) : hold.url === url;
  const hold = holds.find((each) => each.method === method && isHeld(each));
  if (hold) {
    hold.url = url;
    hold.events.emit('done');
    await hold.gone;
  }
  answer.writeHead(done.statusCode ?? 500, done.headers);
  done.pipe(answer);
}
