/**
 * The lab: real Debian endpoints on one Linux machine, to try patching on. Debian and root are needed, nothing else:
 * missing packages are named and installed.
 *
 *     npm run lab -- up --sites 2 --endpoints 6      sites site-1, site-2; endpoints e1 to e6
 *     npm run lab -- status --json
 *     npm run lab -- publish nginx-app_2_all.deb     into the lab's own apt repository
 *     npm run lab -- exec e1 -- apt-get update
 *     npm run lab -- power cut e1                    on, off (clean), cut (the plug)
 *     npm run lab -- down
 *
 * What it is made of:
 * - One lab is one directory. All the kernel sees of it carries a hash of that directory, so labs do not meet.
 * - One disk: a btrfs file system in a file, copied from the cached base. Each endpoint is a subvolume with a quota of
 *   its own; snapshots and rollbacks act on it from outside, as a hypervisor would.
 * - Each site is a network namespace with a bridge, 10.77.N.0/24, and no other route. Its worker runs in it
 *   (`commandInSite`). Ways out are socket files, relayed: the package cache at 10.77.N.1:3142, and one port of this
 *   machine for Temporal (`openPassage`). The lab's own repository is served at 10.77.N.1:3143.
 * - Each endpoint is booted by systemd-nspawn in a namespace and a cgroup of its own, at 10.77.N.11 and on.
 * - No daemon of ours: what runs is what the kernel says, what was made is in `state.json`.
 */
import { mkdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { fileURLToPath } from 'node:url';
import { ensureBase } from './base.ts';
import { startCache } from './cache.ts';
import { openDisk } from './disk.ts';
import { ensureEndpoint, stageAgent } from './endpoint.ts';
import { endpointNamespace, endpointRoot, layoutOf, siteNamespace } from './layout.ts';
import { initPidOf, machineOf, powerOf, powerOn, type Power } from './machine.ts';
import { readMirror } from './mirror.ts';
import { ensureLink, ensureSiteNetwork } from './network.ts';
import { startRepository } from './repository.ts';
import { missingPackages, whyNoLab } from './requirements.ts';
import { gatewayOf, openLab, readState, siteNamed, writeState, type LabState } from './state.ts';

export { labDown } from './teardown.ts';

export type LabOptions = {
  readonly directory: string;
  /** How many, named site-1 and on, or which. A time zone is an IANA name; the endpoints of the site are set to it. */
  readonly sites: number | readonly { readonly name: string; readonly timeZone?: string }[];
  /** How many, named e1 and on and dealt to the sites in turn, or which. */
  readonly endpoints: number | readonly { readonly name: string; readonly site: string }[];
  /** The agent's program; by default the one `npm run build:agent` makes. Without the file, endpoints have no agent. */
  readonly agentProgram?: string;
  /** Told what takes time. */
  readonly say?: (line: string) => void;
};

export type EndpointStatus = {
  readonly name: string;
  readonly site: string;
  readonly address: string;
  readonly rootDirectory: string;
  /** As the host counts it; null when the machine is off. */
  readonly initPid: number | null;
  readonly power: Power;
};

const builtAgent = fileURLToPath(new URL('../../dist/patchcycle-agent', import.meta.url));

/**
 * Brings a lab up, and returns when every endpoint has booted. Run again with the same sites and endpoints it makes
 * what is missing, so a call that was cut short is simply repeated. Throws one sentence when this machine cannot.
 */
export async function labUp(options: LabOptions): Promise<void> {
  const why = whyNoLab();
  if (why !== null) throw new Error(why);
  const missing = missingPackages();
  if (missing.length > 0)
    throw new Error(`The lab needs the Debian packages ${missing.join(', ')}: install them first.`);
  const say = options.say ?? (() => undefined);
  const lab = layoutOf(options.directory);
  const wanted = stateOf(options);
  const mirror = await readMirror();
  const baseImage = await ensureBase(mirror, say);

  for (const folder of [lab.directory, lab.run, lab.logs]) mkdirSync(folder, { recursive: true });
  const present = readState(lab);
  if (present !== null && !isDeepStrictEqual(present, wanted)) {
    throw new Error(`The lab in ${lab.directory} has other sites or endpoints: take it down first.`);
  }
  writeState(lab, wanted);

  say('opening disk and networks');
  await openDisk(lab, baseImage);
  for (const site of wanted.sites) await ensureSiteNetwork(siteNamespace(lab, site.name), gatewayOf(site));
  await Promise.all([startCache(lab, wanted.sites, mirror), startRepository(lab, wanted.sites)]);
  const agentProgram = await stageAgent(lab, options.agentProgram ?? builtAgent);

  say(`starting ${wanted.endpoints.length} endpoints`);
  for (const endpoint of wanted.endpoints) {
    const site = siteNamed(wanted, endpoint.site);
    await ensureLink(endpointNamespace(lab, endpoint.name), endpoint.address, siteNamespace(lab, site.name));
    await ensureEndpoint(lab, endpoint, { site, mirror, agentProgram });
  }
  await Promise.all(wanted.endpoints.map(({ name }) => powerOn(machineOf(lab, name))));
}

/** What the kernel says of every endpoint now. Throws a sentence when the directory has no lab. */
export function labStatus(directory: string): { readonly endpoints: readonly EndpointStatus[] } {
  const { lab, state } = openLab(directory);
  return {
    endpoints: state.endpoints.map(({ name, site, address }) => {
      const machine = machineOf(lab, name);
      const rootDirectory = endpointRoot(lab, name);
      return { name, site, address, rootDirectory, initPid: initPidOf(machine), power: powerOf(machine) };
    }),
  };
}

function stateOf({ sites, endpoints }: LabOptions): LabState {
  const named = typeof sites === 'number' ? numbered(sites).map((number) => ({ name: `site-${number}` })) : sites;
  const placed =
    typeof endpoints === 'number'
      ? numbered(endpoints).map((number) => ({
          name: `e${number}`,
          site: named[(number - 1) % named.length]?.name ?? '',
        }))
      : endpoints;
  const state: LabState = {
    version: 1,
    sites: named.map((site, index) => ({ ...site, number: index + 1 })),
    endpoints: [],
  };
  for (const { name, site } of placed) {
    const { number } = siteNamed(state, site);
    const before = state.endpoints.filter((endpoint) => endpoint.site === site).length;
    state.endpoints.push({ name, site, address: `10.77.${number}.${11 + before}` });
  }
  return state;
}

function numbered(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
