import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** True when a server can listen on this port of 127.0.0.1 now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** What a server listens on, and what a person calls it. */
export type PortWish = {
  /** Given by configuration: this port or none. */
  readonly configured?: number | undefined;
  /** Used by the last start. Nobody but us relies on it, so a busy one gives way. */
  readonly remembered?: number | undefined;
  /** What this kind of server usually listens on. */
  readonly usual: number;
  /** For the message: `PostgreSQL`. */
  readonly server: string;
};

/**
 * A free port of 127.0.0.1: the configured one, else the remembered, the usual, or any.
 * @throws Error when the configured port is taken
 */
export async function choosePort(wish: PortWish): Promise<number> {
  if (wish.configured !== undefined) {
    if (await isPortFree(wish.configured)) return wish.configured;
    throw new Error(
      `${wish.server} cannot listen on 127.0.0.1:${wish.configured}: another program does. ` +
        `Stop it ("ss -ltnp sport = :${wish.configured}" names it), or choose another port.`,
    );
  }
  for (const port of [wish.remembered, wish.usual]) {
    if (port !== undefined && (await isPortFree(port))) return port;
  }
  return anyFreePort();
}

/**
 * Below what systems take for outgoing connections (Linux from 32768, others from 49152): such a port may be taken at
 * any time while nobody listens on it, and be kept for as long as the connection lasts.
 */
const [firstPort, lastPort] = [20_000, 32_767];

/** A port of 127.0.0.1 that nobody listens on. */
export async function anyFreePort(): Promise<number> {
  for (let tries = 0; tries < lastPort - firstPort; tries += 1) {
    const port = randomInt(firstPort, lastPort + 1);
    if (await isPortFree(port)) return port;
  }
  throw new Error(`No port of 127.0.0.1 between ${firstPort} and ${lastPort} is free.`);
}

/** Several, all different. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await anyFreePort());
  return [...ports];
}
