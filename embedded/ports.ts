import { setTimeout as delay } from 'node:timers/promises';
import { isPortFree, portsOf, rangeOf, takeAnyRange, takeRange } from './port-ranges.ts';

/** A number: this port or none. `any`: not the usual one either. */
export type ConfiguredPort = number | 'any' | undefined;

/** What a server listens on, and what a person calls it. */
export type PortWish = {
  readonly configured: ConfiguredPort;
  /** Used by the last start. Nothing else relies on it, so another is taken when it is busy. */
  readonly remembered: number | undefined;
  /** What this kind of server usually listens on. */
  readonly usual?: number;
  /** For the message: `PostgreSQL`. */
  readonly server: string;
};

/**
 * A port of 127.0.0.1 for a server: the configured one, else the remembered, the usual, or any.
 * @throws Error when the configured port is taken
 */
export async function choosePort({ configured, remembered, usual, server }: PortWish): Promise<number> {
  if (typeof configured === 'number') {
    if (await isPortFreeSoon(configured)) return configured;
    throw new Error(
      `${server} cannot listen on 127.0.0.1:${configured}: another program does. ` +
        `Stop it ("ss -ltnp sport = :${configured}" names it), or choose another port.`,
    );
  }
  if (remembered !== undefined && (await reclaimPort(remembered))) return remembered;
  if (configured !== 'any' && usual !== undefined && (await isPortFree(usual))) return usual;
  return claimPort();
}

/** Another process that looks whether the port is free has it for the moment of its look. */
async function isPortFreeSoon(port: number): Promise<boolean> {
  if (await isPortFree(port)) return true;
  await delay(100);
  return isPortFree(port);
}

/** Of the ranges that this process took to give out ports of. */
const unused: number[] = [];
const given = new Set<number>();

/**
 * A port of 127.0.0.1 that nobody listens on and no other process of ours is given, until this one ends or releases it.
 * What relies on it longer is kept by a `RangeKeeper`.
 */
export async function claimPort(): Promise<number> {
  for (;;) {
    const port = unused.shift();
    if (port === undefined) unused.push(...portsOf(await takeAnyRange()));
    else if (await isPortFree(port)) {
      given.add(port);
      return port;
    }
  }
}

/** Several, all different. */
export async function claimPorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await claimPort());
  return ports;
}

/** Lets this process give the port out again. Does nothing for one that an earlier process gave out. */
export function releasePort(port: number): void {
  if (given.delete(port)) unused.push(port);
}

/**
 * Takes up a port that an earlier process was given. False when its range is another process's by now, or another
 * program listens on it.
 */
export async function reclaimPort(port: number): Promise<boolean> {
  const range = rangeOf(port);
  if (range !== undefined && !(await takeRange(range))) return false;
  return isPortFree(port);
}
