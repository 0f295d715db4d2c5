/** Clones of a simulated fleet's machines. Their agents listen on this machine; the clones have no network at all. */
import { z } from 'zod';
import type { AgentIdentity } from '../../ports/agent.ts';
import { SandboxFailed } from '../../ports/sandboxes.ts';
import type { SandboxPort } from '../../ports/sandboxes.ts';
import { FleetRefused, FleetUnreachable, askFleet, pathOf } from '../simulated-fleet.ts';

const preparedSchema = z.object({ certificateRequest: z.string() });
const identitySchema = z.object({
  endpointId: z.string(),
  address: z.object({ host: z.string(), port: z.number().int() }),
}) satisfies z.ZodType<AgentIdentity>;
const listSchema = z.object({ sandboxes: z.array(z.string()) });
const nothing = z.object({});

/** @param socketPath the control socket in the fleet's directory */
export function simulatedSandboxes(socketPath: string): SandboxPort {
  return {
    prepare: (endpointId, sandboxId) =>
      ask(socketPath, { method: 'PUT', path: pathOf('sandboxes', sandboxId), body: { endpointId } }, preparedSchema),
    start: (sandboxId, identity) => {
      const path = pathOf('sandboxes', sandboxId, 'start');
      return ask(socketPath, { method: 'POST', path, body: identity }, identitySchema);
    },
    destroy: async (sandboxId) => {
      await ask(socketPath, { method: 'DELETE', path: pathOf('sandboxes', sandboxId) }, nothing);
    },
    list: async () => (await ask(socketPath, { method: 'GET', path: 'sandboxes' }, listSchema)).sandboxes,
  };
}

const ask: typeof askFleet = (socketPath, question, schema) => askFleet(socketPath, question, schema).catch(fail);

/** What the fleet refuses stays refused; a process that is away or stumbled may do it when asked again. */
function fail(error: unknown): never {
  if (error instanceof FleetUnreachable) throw new SandboxFailed(error.message, true);
  if (error instanceof FleetRefused) throw new SandboxFailed(error.message, error.status >= 500);
  throw new SandboxFailed('The simulated fleet answered what this program does not know.', false);
}
