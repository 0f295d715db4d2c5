/** 2,000 starts of servers from four processes at once, and how many of them found a port taken. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { nodeArgv } from '../../embedded/launch.ts';
import type { LongTest } from './proofs.ts';

const processes = 4;
/** How many of each kind a process starts. */
export const startsOfEach = { PostgreSQL: 25, Temporal: 25, 'small server': 450 } as const;
export type Kind = keyof typeof startsOfEach;
const kinds = ['PostgreSQL', 'Temporal', 'small server'] as const satisfies readonly Kind[];

/** What a process says of each of its starts. */
const startSaid = z.object({ kind: z.enum(kinds), milliseconds: z.number(), foundPortTaken: z.boolean() });
type Start = z.infer<typeof startSaid>;

export const serverStarts: LongTest = async (tell) => {
  const starts: Start[] = [];
  const wanted = processes * kinds.reduce((sum, kind) => sum + startsOfEach[kind], 0);
  const began = performance.now();
  const codes = await Promise.all(
    Array.from({ length: processes }, () =>
      startingProcess((start) => {
        starts.push(start);
        if (starts.length % 100 === 0) tell(`${starts.length} of ${wanted} starts, ${collisionsIn(starts)} collisions`);
      }),
    ),
  );
  const minutes = ((performance.now() - began) / 60_000).toFixed(1);
  const collisions = collisionsIn(starts);
  return {
    passed: codes.every((code) => code === 0) && starts.length === wanted && collisions === 0,
    figures: [
      `${starts.length} of ${wanted} servers came up, started by ${processes} processes at once, three at a time in each, within ${minutes} minutes.`,
      ...kinds.map((kind) => figuresOf(kind, starts)),
      `Collisions (a start that found a port taken): ${collisions}.`,
    ],
  };
};

async function startingProcess(note: (start: Start) => void): Promise<number> {
  const [program, ...args] = nodeArgv(new URL('starting-process.ts', import.meta.url));
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  // They stop what they have started before they end; this process waits for them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
  for await (const line of createInterface({ input: child.stdout })) note(startSaid.parse(JSON.parse(line)));
  const [code] = await ended;
  return Number(code ?? 1);
}

function collisionsIn(starts: readonly Start[]): number {
  return starts.filter(({ foundPortTaken }) => foundPortTaken).length;
}

function figuresOf(kind: Kind, starts: readonly Start[]): string {
  const took = starts.filter((start) => start.kind === kind).map(({ milliseconds }) => milliseconds);
  const median = took.toSorted((one, other) => one - other)[Math.floor(took.length / 2)] ?? 0;
  const port = kind === 'Temporal' ? 'four claimed ports' : 'a claimed port';
  return `${kind}: ${took.length} starts, each on ${port}; the median took ${(median / 1000).toFixed(1)} s.`;
}
