import { z } from 'zod';

/** What must hold before a process counts as ready. */
const readyCondition = z.discriminatedUnion('when', [
  z.object({ when: z.literal('database answers'), url: z.string() }),
  z.object({
    when: z.literal('temporal answers'),
    address: z.string(),
    namespace: z.string(),
    /** Names that must be registered: a workflow started before would be refused. */
    searchAttributes: z.array(z.string()),
  }),
  z.object({ when: z.literal('http answers'), url: z.string() }),
  /** Since this start its log holds this text. */
  z.object({ when: z.literal('log says'), text: z.string() }),
]);
export type ReadyCondition = z.infer<typeof readyCondition>;

/** How a process is asked to end, and how long it may take before it is killed. */
export const stopRequest = z.object({ signal: z.enum(['SIGTERM', 'SIGINT']), withinSeconds: z.number() });
export type StopRequest = Readonly<z.infer<typeof stopRequest>>;

/** How one server or worker is started, as plain data: the supervisor reads it from a file. */
export const processPlan = z.object({
  /** Names the process in the status and its log file: `postgres`, `worker-control`. */
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]*$/),
  /** Workers inherit the supervisor's environment, servers nothing; workers are stopped before any server. */
  role: z.enum(['server', 'worker']),
  /** The program itself, by absolute path, not a launcher of it: the pid shown must be the one that works. */
  argv: z.tuple([z.string()], z.string()),
  environment: z.record(z.string(), z.string()),
  /** Digest of what a program of ours is made of: it starts again when that has changed. */
  sources: z.string().optional(),
  workingDirectory: z.string(),
  /** What it listens on, at 127.0.0.1: nobody else is given these ports while the stack is up. */
  ports: z.array(z.number()).default([]),
  /** Another user to run as, when we are root. */
  user: z.object({ uid: z.number(), gid: z.number() }).optional(),
  ready: readyCondition,
  stop: stopRequest,
});
export type ProcessPlan = Readonly<z.infer<typeof processPlan>>;
