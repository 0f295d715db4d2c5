/**
 * How our processes on one machine share ports: in ranges of sixteen. Whoever listens on the first port of a range may
 * give out its ports; whoever listens on the second keeps the range for a stack that relies on it. A range that is kept
 * is not taken. The system ends both claims with their process, however it ends, and every user's processes see them.
 */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * Below what systems take for outgoing connections (Linux from 32768, others from 49152): such a port may be taken at
 * any time while nothing listens on it, and be kept for as long as the connection lasts.
 */
const [firstPort, endOfPorts] = [20_000, 32_768];
const portsInRange = 16;
/** The first two ports are the claims. */
const claims = 2;
const rangeCount = (endOfPorts - firstPort) / portsInRange;
const keepAgainMilliseconds = 1000;

/** The ranges whose ports this process may give out, by their first port. */
const own = new Map<number, Server>();

/** The first port of the range that a port is in; undefined for a port outside all ranges. */
export function rangeOf(port: number): number | undefined {
  if (port < firstPort || port >= endOfPorts) return undefined;
  return port - ((port - firstPort) % portsInRange);
}

/** The ports of a range that can be given out. */
export function portsOf(range: number): readonly number[] {
  return Array.from({ length: portsInRange - claims }, (_, index) => range + claims + index);
}

/**
 * Takes a range that nobody else has, until this process ends.
 * @throws Error when there is none
 */
export async function takeAnyRange(): Promise<number> {
  const start = randomInt(rangeCount);
  for (let turn = 0; turn < rangeCount; turn += 1) {
    const range = firstPort + ((start + turn) % rangeCount) * portsInRange;
    if (!own.has(range) && (await takeRange(range))) return range;
  }
  throw new Error(
    `All ${rangeCount} ranges of ports of 127.0.0.1 from ${firstPort} to ${endOfPorts - 1} are taken: stop what runs there ("ss -ltnp" names it).`,
  );
}

/** Takes this range, until this process ends. False when another process has it. */
export async function takeRange(range: number): Promise<boolean> {
  if (own.has(range)) return true;
  const claim = await listenOn(range);
  if (claim === undefined) return false;
  // Looked at under our claim: who takes a range holds its first port while it looks at the second.
  const kept = await listenOn(range + 1);
  if (kept === undefined) {
    claim.close();
    return false;
  }
  await closed(kept);
  own.set(range, claim);
  return true;
}

/** Keeps ranges for a stack whose ports were given out by a process that ends before the stack does. */
export class RangeKeeper {
  readonly #kept = new Map<number, Server>();
  #wanted: ReadonlySet<number> = new Set();

  constructor() {
    const keepAgain = () => void this.#keepMissing().catch((error: unknown) => console.error(error));
    setInterval(keepAgain, keepAgainMilliseconds).unref();
  }

  /**
   * Keeps the ranges of these ports and no others. A range that another process keeps is tried again each second: it
   * may be one of the same stack, which ends first.
   */
  async keep(ports: readonly number[]): Promise<void> {
    this.#wanted = new Set(ports.flatMap((port) => rangeOf(port) ?? []));
    for (const [range, claim] of this.#kept) {
      if (this.#wanted.has(range)) continue;
      claim.close();
      this.#kept.delete(range);
    }
    await this.#keepMissing();
  }

  async #keepMissing(): Promise<void> {
    for (const range of this.#wanted) {
      if (this.#kept.has(range)) continue;
      const claim = await listenOn(range + 1);
      if (claim === undefined) continue;
      if (this.#wanted.has(range) && !this.#kept.has(range)) this.#kept.set(range, claim);
      else claim.close();
    }
  }
}

/** True when a server can listen on this port of 127.0.0.1 now. */
export async function isPortFree(port: number): Promise<boolean> {
  const server = await listenOn(port);
  if (server === undefined) return false;
  await closed(server);
  return true;
}

/** Listens and answers nobody, without keeping the process alive; undefined when another program has the port. */
function listenOn(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server.unref()));
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
