import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { writeWholeSync } from '../../system/whole-files.ts';
import { layoutOf, type LabLayout } from './layout.ts';

/** Names end up in host names, network namespaces and file names. */
const name = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, 'must be lower-case letters, digits and hyphens');

const labStateSchema = z.strictObject({
  version: z.literal(1),
  sites: z.array(
    z.strictObject({
      name,
      /** The third byte of its network, 10.77.N.0/24. */
      number: z.number().int().min(1).max(254),
      timeZone: z.string().optional(),
    }),
  ),
  endpoints: z.array(z.strictObject({ name, site: name, address: z.ipv4() })),
});

/** What was made: written before anything is, so that `down` knows what is the lab's after a crash at any point. */
export type LabState = z.infer<typeof labStateSchema>;
export type LabSite = LabState['sites'][number];
export type LabEndpoint = LabState['endpoints'][number];

/** Reads the lab of a directory. Throws a sentence when there is none. */
export function openLab(directory: string): { readonly lab: LabLayout; readonly state: LabState } {
  const lab = layoutOf(directory);
  const state = readState(lab);
  if (state === null) throw new Error(`There is no lab in ${lab.directory}: start one with "npm run lab -- up".`);
  return { lab, state };
}

export function readState(lab: LabLayout): LabState | null {
  if (!existsSync(lab.stateFile)) return null;
  return labStateSchema.parse(JSON.parse(readFileSync(lab.stateFile, 'utf8')));
}

export function writeState(lab: LabLayout, state: LabState): void {
  const text = JSON.stringify(labStateSchema.parse(state), null, 2);
  writeWholeSync(lab.stateFile, `${text}\n`);
}

/** The endpoint of that name. Throws a sentence that lists those there are. */
export function endpointNamed(state: LabState, endpoint: string): LabEndpoint {
  const found = state.endpoints.find((candidate) => candidate.name === endpoint);
  if (found !== undefined) return found;
  throw new Error(`The lab has no endpoint ${endpoint}: it has ${state.endpoints.map(({ name }) => name).join(', ')}.`);
}

export function siteNamed(state: LabState, site: string): LabSite {
  const found = state.sites.find((candidate) => candidate.name === site);
  if (found !== undefined) return found;
  throw new Error(`The lab has no site ${site}: it has ${state.sites.map(({ name }) => name).join(', ')}.`);
}

/** Where a site's worker, its package cache and its enrolment service are reached. */
export function gatewayOf(site: LabSite): string {
  return `10.77.${site.number}.1`;
}
