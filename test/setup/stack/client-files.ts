/** A client's files as a story needs them: what it does not care about is the same in all of them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

export type StoryClient = {
  readonly sites: readonly { readonly site: string; readonly zone: string }[];
  readonly endpoints: readonly StoryEndpoint[];
  readonly policies: readonly StoryPolicy[];
};

/** Its role is the name of the policy it falls into. */
export type StoryEndpoint = {
  readonly endpoint: string;
  readonly site: string;
  readonly role: string;
  readonly criticality?: 'low' | 'medium' | 'high';
  /** Makes a segment of its own within its role. */
  readonly tags?: readonly string[];
};

/** A policy for the role of its name; other fields as in any policy file. */
export type StoryPolicy = { readonly policy: string; readonly [field: string]: unknown };

export const clientId = 'acme';

/** Everything at once, whenever, with a soak of a second: stories about one rule say that rule. */
const unremarkable = {
  approve: [
    { class: 'security', when: 'at once' },
    { class: 'bugfix', when: 'at once' },
  ],
  rings: [{ name: 'canary', take: 1 }, { name: 'rest' }],
  gate: { soak: '1 second', atLeast: '1 verified', failuresAtMost: 0 },
  afterHalt: 'stop',
  windows: 'always',
  budget: '100% of site',
  snapshot: { required: true, keep: '1 day' },
  reboot: 'if required',
  checks: [{ service: 'cron' }],
};

/** Writes client.yaml, endpoints.yaml and a file for each policy. */
export async function writeClientFiles(directory: string, client: StoryClient, id = clientId): Promise<void> {
  const roles = [...new Set(client.endpoints.map((endpoint) => endpoint.role))];
  await mkdir(join(directory, 'policies'), { recursive: true });
  await writeYaml(join(directory, 'client.yaml'), {
    client: id,
    name: 'Acme Corporation',
    sites: client.sites.map((site, index) => ({ ...site, networks: [`10.77.${index + 1}.0/24`] })),
    segments: roles.map((role) => ({ segment: role, when: { role } })),
  });
  await writeYaml(join(directory, 'endpoints.yaml'), { endpoints: client.endpoints });
  for (const policy of client.policies) await writePolicy(directory, policy);
}

export async function writePolicy(directory: string, { policy, ...fields }: StoryPolicy): Promise<void> {
  const content = { policy, applies: { role: policy }, ...unremarkable, ...fields };
  await writeYaml(join(directory, 'policies', `${policy}.yaml`), content);
}

function writeYaml(file: string, content: unknown): Promise<void> {
  return writeFile(file, stringify(content));
}
