/** What a simulated fleet consists of: `fleet.json`, written when it is prepared. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import type { ClientFiles } from '../../domain/policies/policy.ts';
import { claimPorts } from '../../embedded/ports.ts';
import { readJson, writeJson } from './files.ts';
import { newHardware, writeHardware } from './hardware.ts';
import { fleetDirectory } from './layout.ts';
import { defaultPace, freshMachine } from './machine-state.ts';
import type { Pace } from './machine-state.ts';

const fleetSchema = z.strictObject({
  endpoints: z.array(
    z.strictObject({
      name: z.string(),
      site: z.string(),
      address: z.strictObject({ host: z.string(), port: z.number().int() }),
    }),
  ),
  /** The network of each site, e.g. `10.77.1.0/24`. */
  networks: z.record(z.string(), z.string()),
  /** Unmanaged things on the sites' networks. */
  unmanaged: z.array(z.strictObject({ site: z.string(), address: z.string() })),
});
export type FleetPlan = z.infer<typeof fleetSchema>;

export type FleetOptions = {
  readonly directory: string;
  readonly endpoints: readonly { readonly name: string; readonly site: string }[];
  /** The network of each site; without it the nth site has `10.77.n.0/24`. */
  readonly networks?: Readonly<Record<string, string>>;
  readonly pace?: Partial<Pace>;
  /** Endpoints that are off at the start. */
  readonly off?: readonly string[];
};

/** The endpoints and networks of a client's files, as a fleet has them. */
export function fleetOf({
  endpoints,
  sites,
}: ClientFiles): Pick<FleetOptions, 'endpoints'> & { networks: Readonly<Record<string, string>> } {
  return {
    endpoints: endpoints.map(({ name, siteId }) => ({ name, site: siteId })),
    networks: Object.fromEntries(sites.map(({ id, networks }) => [id, networks[0]?.cidr ?? '10.77.9.0/24'])),
  };
}

/** Makes a fleet's directory. What is there already stays as it is, so that preparing again changes nothing. */
export async function prepareFleet(options: FleetOptions): Promise<FleetPlan> {
  const layout = fleetDirectory(options.directory);
  if (existsSync(layout.fleet)) return readFleet(options.directory);
  const sites = [...new Set(options.endpoints.map((endpoint) => endpoint.site))];
  const networks = Object.fromEntries(
    sites.map((site, index) => [site, options.networks?.[site] ?? `10.77.${index + 1}.0/24`]),
  );
  const ports = await claimPorts(options.endpoints.length);
  const endpoints = options.endpoints.map(({ name, site }, index) => ({
    name,
    site,
    address: { host: '127.0.0.1', port: ports[index] ?? 0 },
  }));
  for (const { name } of endpoints) {
    const files = layout.endpoint(name);
    writeJson(files.state, freshMachine(name, { ...defaultPace, ...options.pace }));
    const isOff = options.off?.includes(name) === true;
    writeHardware(files, { ...newHardware, power: isOff ? 'off' : 'on', boots: isOff ? 0 : 1 });
  }
  const unmanaged = sites.slice(0, 1).map((site) => ({ site, address: lastAddressOf(networks[site] ?? '') }));
  const plan: FleetPlan = { endpoints, networks, unmanaged };
  // Last: its presence is what says that the fleet is whole.
  writeJson(layout.fleet, plan);
  return plan;
}

/** Throws when no fleet was prepared in the directory. */
export function readFleet(directory: string): FleetPlan {
  const { fleet } = fleetDirectory(directory);
  if (!existsSync(fleet)) throw new Error(`${directory} holds no simulated fleet; prepare it first.`);
  return readJson(fleet, fleetSchema);
}

/** A locally administered hardware address (IEEE 802), always the same for the same thing. */
export function macAddressOf(name: string): string {
  const digits = createHash('sha256').update(name).digest('hex').slice(0, 10);
  return `02:${(digits.match(/../g) ?? []).join(':')}`;
}

/** `10.77.1.0/24` → `10.77.1.200`: where no endpoint is. */
function lastAddressOf(cidr: string): string {
  return cidr.replace(/\.\d+\/\d+$/, '.200');
}
