/** The client's own two files as an operator writes them in YAML: client.yaml and endpoints.yaml. */
import { z } from 'zod';
import type { Client, SegmentRule, Site, StatedEndpoint } from '../../domain/policies/policy.ts';
import { entry } from './entries.ts';
import { amount, timeZone } from './operators-words.ts';
import { blackouts, conditions, name, sentence } from './policy-file.ts';

const cidr = z.cidrv4({ error: 'is not a network; write 10.77.1.0/24' });

/** `10.77.1.0/24`, or `{ cidr: 10.77.1.0/24, routed: true }` where a scan may leave the connected network. */
const network = z.preprocess(
  (value) => (typeof value === 'string' ? { cidr: value } : value),
  entry({ cidr, routed: z.boolean().default(false) }),
);

const site = entry({
  site: name,
  name: sentence.optional(),
  zone: timeZone,
  networks: z.array(network).min(1),
  budget: amount.optional(),
  blackouts: blackouts.optional(),
}).transform((written) => ({
  id: written.site,
  name: written.name ?? written.site,
  timeZone: written.zone,
  networks: written.networks,
  budget: written.budget ?? null,
  blackouts: written.blackouts ?? [],
})) satisfies z.ZodType<Site>;

const segmentRule = entry({ segment: name, when: conditions }) satisfies z.ZodType<SegmentRule>;

export type ClientFile = {
  readonly client: Client;
  readonly sites: readonly Site[];
  readonly segments: readonly SegmentRule[];
};

/** client.yaml. The client's own blackouts hold at each of its sites. */
export const clientFileSchema = entry({
  client: name,
  name: sentence.optional(),
  sites: z.array(site).min(1),
  blackouts: blackouts.optional(),
  segments: z.array(segmentRule).min(1),
}).transform((written) => ({
  client: { id: written.client, name: written.name ?? written.client },
  sites: written.sites.map((each) => ({ ...each, blackouts: [...(written.blackouts ?? []), ...each.blackouts] })),
  segments: written.segments,
})) satisfies z.ZodType<ClientFile>;

const endpoint = entry({
  endpoint: name,
  site: name,
  role: z.string().optional(),
  criticality: z.enum(['low', 'medium', 'high']).optional(),
  owner: z.string().optional(),
  redundancyGroup: name.optional(),
  tags: z.array(z.string()).optional(),
}).transform((written) => ({
  name: written.endpoint,
  siteId: written.site,
  role: written.role ?? null,
  // What nobody has judged counts as high.
  criticality: written.criticality ?? ('high' as const),
  owner: written.owner ?? null,
  redundancyGroup: written.redundancyGroup ?? null,
  tags: written.tags ?? [],
})) satisfies z.ZodType<StatedEndpoint>;

/** endpoints.yaml: what the client states of each endpoint. */
export const endpointsFileSchema = entry({ endpoints: z.array(endpoint) }).transform(({ endpoints }) => endpoints);
