/** What the provider has at hand: the files its clients wrote, applied; the feeds; nobody's authority. */
import { digestOf, toJson } from '../../../record/audit.ts';
import type { ControlPorts } from '../../../activities/index.ts';
import type { MemoryDatabase } from './database/database.ts';
import type { ClientFacts } from './scenario.ts';

export const feeds: Pick<ControlPorts, 'kev' | 'support' | 'reports' | 'authority'> = {
  kev: { catalogue: async () => new Map() },
  support: {
    supportEnd: async (id, version) =>
      ({ os: { id, version }, endsAt: null, source: 'nobody knows', kind: 'standard' }) as never,
  },
  reports: { write: async () => [] },
  authority: {
    certificate: async () => 'the authority',
    signEndpoint: async ({ endpointId }) => `certificate of ${endpointId}`,
    issueControl: async () => ({ key: '', certificate: '' }),
    issueServer: async () => ({ key: '', certificate: '' }),
  },
};

/** Puts a client's files into force, with its endpoints enrolled as the scenario says. */
export async function applyFiles(database: MemoryDatabase, facts: ClientFacts): Promise<void> {
  const { client, sites, endpoints, policies, segments } = facts;
  const db = database.forClient(client.id);
  const appliedAt = new Date();
  const clientId = client.id;
  await db.client.create({
    data: {
      id: clientId,
      name: client.name,
      segments: toJson(segments),
      policyNames: policies.map(({ name }) => name),
      appliedAt,
    },
  });
  for (const site of sites)
    await db.site.create({
      data: {
        id: `${site.id}.${clientId}`,
        clientId,
        name: site.id,
        timeZone: site.timeZone,
        networks: [],
        blackouts: toJson(site.blackouts),
        ...(site.budget ? { budget: toJson(site.budget) } : {}),
      },
    });
  for (const [index, { endpointId, siteId, stated, enrolled }] of endpoints.entries()) {
    const { name, role, criticality, owner, redundancyGroup, tags } = stated;
    await db.endpoint.create({
      data: {
        id: endpointId,
        clientId,
        siteId,
        name,
        role,
        criticality,
        owner,
        redundancyGroup,
        tags: [...tags],
        ...(enrolled ? { address: { host: '10.0.0.1', port: 1000 + index }, enrolledAt: appliedAt } : {}),
      },
    });
  }
  for (const policy of policies)
    await db.policyVersion.create({
      data: {
        id: `${clientId}/${policy.name}/1`,
        clientId,
        name: policy.name,
        version: 1,
        digest: digestOf(policy),
        content: toJson(policy),
        appliedAt,
        appliedBy: 'dana',
      },
    });
}
