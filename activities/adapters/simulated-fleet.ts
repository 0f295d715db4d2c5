/** Calls the process that runs a simulated fleet, over HTTP on its socket file. */
import axios from 'axios';
import { z } from 'zod';

/** The fleet said no. */
export class FleetRefused extends Error {
  override readonly name = 'FleetRefused';
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** No process runs the fleet now. Worth asking again. */
export class FleetUnreachable extends Error {
  override readonly name = 'FleetUnreachable';
}

type Question = {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Path below /v1, e.g. `sandboxes`. */
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
};

const answerMilliseconds = 30_000;
const refusal = z.object({ error: z.string() });

/** One question to the fleet. Throws `FleetRefused`, `FleetUnreachable`, or zod's error for an answer that is another. */
export async function askFleet<Answer>(
  socketPath: string,
  { method, path, body, signal }: Question,
  schema: z.ZodType<Answer>,
): Promise<Answer> {
  const answer = await axios
    .request<unknown>({
      method,
      socketPath,
      url: `http://localhost/v1/${path}`,
      data: body,
      timeout: answerMilliseconds,
      // A socket file is on this machine; no proxy is in between.
      proxy: false,
      validateStatus: () => true,
      ...(signal === undefined ? {} : { signal }),
    })
    .catch((error: Error) => {
      throw new FleetUnreachable(`No process runs the simulated fleet at ${socketPath} (${error.message}).`);
    });
  if (answer.status === 200) return schema.parse(answer.data);
  const said = refusal.safeParse(answer.data).data?.error;
  throw new FleetRefused(said ?? `The simulated fleet answered with status ${answer.status}.`, answer.status);
}

/** Ids as they stand in a path. */
export function pathOf(...parts: readonly string[]): string {
  return parts.map(encodeURIComponent).join('/');
}
