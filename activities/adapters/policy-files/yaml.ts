/**
 * A client's directory of YAML, as it lies in Git: client.yaml, endpoints.yaml, policies/*.yaml.
 * Every problem of every file is found in one reading; with one problem nothing of it is used.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientFiles } from '../../../domain/policies/policy.ts';
import { wholePolicy } from '../../../domain/policies/layers.ts';
import { clientFileSchema, endpointsFileSchema } from '../../schemas/client-files.ts';
import { policyFileSchema } from '../../schemas/policy-file.ts';
import { layPolicies } from './layers.ts';
import { readYaml } from './problems.ts';
import { unknownReferences } from './references.ts';

/** What is wrong with a client's files, a line for each problem: `FILE:LINE: PATH: what, and what to write instead`. */
export class ClientFilesInvalid extends Error {
  override readonly name = 'ClientFilesInvalid';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/**
 * Reads a client's directory.
 * @throws ClientFilesInvalid with every problem that was found
 */
export async function readClientFiles(directory: string): Promise<ClientFiles> {
  const strays = await strayFiles(directory);
  const client = await readYaml(join(directory, 'client.yaml'), clientFileSchema);
  const endpoints = await readYaml(join(directory, 'endpoints.yaml'), endpointsFileSchema);
  const policyFiles = await yamlFilesIn(join(directory, 'policies'));
  const policies = await Promise.all(policyFiles.map((file) => readYaml(file, policyFileSchema)));
  const laid = layPolicies(policies);
  const problems = [
    ...strays,
    ...[client, endpoints, ...policies].flatMap((file) => file.problems),
    ...(policyFiles.length === 0
      ? [`${join(directory, 'policies')}: has no policy; write one into a .yaml file in it`]
      : []),
    ...laid.problems,
    ...unknownReferences({ client, endpoints, policies }),
  ];
  if (problems.length > 0 || !client.value || !endpoints.value) throw new ClientFilesInvalid(problems);
  return { ...client.value, endpoints: endpoints.value, policies: laid.layers.map(wholePolicy) };
}

async function yamlFilesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => name.endsWith('.yaml'))
    .toSorted()
    .map((name) => join(directory, name));
}

/** YAML that would not be read: a policy beside its folder, or one spelled .yml, would silently not hold. */
async function strayFiles(directory: string): Promise<string[]> {
  const top = await readdir(directory).catch(() => []);
  const inPolicies = await readdir(join(directory, 'policies')).catch(() => []);
  const strays = [
    ...top.filter((name) => /\.ya?ml$/.test(name) && name !== 'client.yaml' && name !== 'endpoints.yaml'),
    ...inPolicies.filter((name) => name.endsWith('.yml')).map((name) => join('policies', name)),
  ];
  return strays.toSorted().map((name) => `${join(directory, name)}: is not read; policies go into policies/NAME.yaml`);
}
