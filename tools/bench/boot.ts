import { agentPort } from '../../protocol/agent.ts';
import { endpointNamespace, layoutOf } from '../../fleets/lab/layout.ts';
import { power } from '../../fleets/lab/machine.ts';
import { listens } from '../../fleets/lab/network.ts';
import { until } from '../../fleets/lab/until.ts';

const agentSeconds = 60;

/** Returns when the agents of all the endpoints listen. */
export async function agentsListen(directory: string, endpoints: readonly string[]): Promise<void> {
  const lab = layoutOf(directory);
  for (const name of endpoints) {
    const namespace = endpointNamespace(lab, name);
    await until(`the agent of ${name} listens`, () => listens(namespace, agentPort), agentSeconds * 1000);
  }
}

/** Shuts all the endpoints down and boots them, at once. Returns when their agents listen. */
export async function reboot(directory: string, endpoints: readonly string[]): Promise<void> {
  await Promise.all(
    endpoints.map(async (name) => {
      await power(directory, name, 'off');
      await power(directory, name, 'on');
    }),
  );
  await agentsListen(directory, endpoints);
}
