import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { insideRoot } from '../../activities/adapters/root.ts';
import { identityFiles } from '../../agent/identity.ts';
import { writeAgentConfiguration } from './endpoint.ts';
import { labStatus, labUp } from './lab.ts';
import { power } from './machine.ts';
import { commandInSite, openPassage } from './passage.ts';
import { labDown } from './teardown.ts';
import { plugUnmanaged } from './unmanaged.ts';
import { agentPort } from '../../protocol/agent.ts';
import { enrolmentPort } from '../../protocol/enrolment.ts';
import type { Fleet } from '../fleet.ts';

/** Inside an endpoint's root. */
const agentState = 'var/lib/patchcycle';

/** Real Debian machines on this one: fleets/lab/lab.ts. */
export function labFleet(stateDirectory: string): Fleet {
  const directory = join(stateDirectory, 'lab');
  const endpoint = (name: string) => {
    const found = labStatus(directory).endpoints.find((one) => one.name === name);
    if (!found) throw new Error(`The lab in ${directory} has no endpoint ${name}.`);
    return found;
  };
  let gateways = new Map<string, string>();
  return {
    kind: 'lab',
    words: 'real Debian machines on this one, with updates genuinely pending',
    reference: `lab:${directory}`,
    async up(files, say) {
      // Only here: what builds it is not there where the dependencies for development are not.
      const { buildAgent } = await import('../../programs/build-agent.ts');
      const { made } = await buildAgent();
      if (made) say('built the agent');
      await labUp({
        directory,
        sites: files.sites.map((site) => ({ name: site.id, timeZone: site.timeZone })),
        endpoints: files.endpoints.map((one) => ({ name: one.name, site: one.siteId })),
        say,
      });
      gateways = new Map(files.sites.map((site, index) => [site.id, `10.77.${index + 1}.1`]));
      const [first] = files.sites;
      if (first) await plugUnmanaged(directory, first.id, { address: '10.77.1.99' });
    },
    processes: () => [],
    commandInSite: (site) => commandInSite(directory, site),
    openPassage: (temporalPort) => openPassage(directory, { hostPort: temporalPort }),
    async enrolmentAddress(site) {
      const host = gateways.get(site);
      if (!host) throw new Error(`The lab in ${directory} has no site ${site}.`);
      return { host, port: enrolmentPort };
    },
    addressOf: async (name) => ({ host: endpoint(name).address, port: agentPort }),
    async configureAgent(name, configuration) {
      await writeAgentConfiguration(directory, name, {
        listen: { host: endpoint(name).address, port: agentPort },
        stateDirectory: `/${agentState}`,
        ...configuration,
      });
    },
    hasIdentity: async (name) =>
      existsSync(insideRoot(endpoint(name).rootDirectory, join(agentState, identityFiles.certificate))),
    power: (name, action) => power(directory, name, action),
    down: () => labDown(directory),
  };
}
