/** Names that a client's files use and that are declared nowhere, or twice. */
import type { Conditions, StatedEndpoint } from '../../../domain/policies/policy.ts';
import type { ClientFile } from '../../schemas/client-files.ts';
import { advice } from '../../schemas/entries.ts';
import type { ReadFile } from './problems.ts';
import type { PolicyLayer } from '../../../domain/policies/looser.ts';

type Path = readonly (string | number)[];
type Names = {
  /** Null where the file that declares them could not be read: then nothing is said of them. */
  readonly site: readonly string[] | null;
  readonly segment: readonly string[] | null;
  readonly endpoint: readonly string[] | null;
};
type Reference = { readonly kind: keyof Names; readonly name: string; readonly path: Path };

/** Every unknown site, segment and endpoint, and every name that is declared twice. */
export function unknownReferences(files: {
  readonly client: ReadFile<ClientFile>;
  readonly endpoints: ReadFile<readonly StatedEndpoint[]>;
  readonly policies: readonly ReadFile<PolicyLayer>[];
}): string[] {
  const { client, endpoints, policies } = files;
  const sites = client.value?.sites.map(({ id }) => id) ?? [];
  const segments = client.value?.segments ?? [];
  const stated = endpoints.value ?? [];
  const names: Names = {
    site: client.value && sites,
    segment: client.value && segments.map(({ segment }) => segment),
    endpoint: endpoints.value && stated.map(({ name }) => name),
  };
  return [
    ...twice(sites).map((index) =>
      client.problemAt(['sites', index, 'site'], `${sites[index]} is there twice; give one another name`),
    ),
    ...unknownIn(
      client,
      segments.flatMap(({ when }, index) => inConditions(when, ['segments', index, 'when'])),
      names,
    ),
    ...twice(stated.map(({ name }) => name)).map((index) =>
      endpoints.problemAt(['endpoints', index, 'endpoint'], `${stated[index]?.name} is there twice; keep one of them`),
    ),
    ...unknownIn(
      endpoints,
      stated.map(({ siteId }, index) => ({ kind: 'site', name: siteId, path: ['endpoints', index, 'site'] })),
      names,
    ),
    ...policies.flatMap((policy) => (policy.value ? unknownIn(policy, inPolicy(policy.value), names) : [])),
  ];
}

function inPolicy(policy: PolicyLayer): Reference[] {
  return [
    ...inConditions(policy.applies ?? {}, ['applies']),
    ...(policy.rings ?? []).flatMap(({ segments, endpoints }, index) => [
      ...listed('segment', segments, ['rings', index, 'segments']),
      ...listed('endpoint', endpoints, ['rings', index, 'endpoints']),
    ]),
    ...(policy.exceptions ?? []).flatMap(({ endpoints }, index) =>
      listed('endpoint', endpoints, ['exceptions', index, 'endpoints']),
    ),
  ];
}

function inConditions(conditions: Conditions, path: Path): Reference[] {
  return [
    ...listed('site', conditions.site ?? null, [...path, 'site']),
    ...listed('segment', conditions.segment ?? null, [...path, 'segment']),
  ];
}

function listed(kind: keyof Names, names: readonly string[] | null, path: Path): Reference[] {
  return (names ?? []).map((name, index) => ({ kind, name, path: [...path, index] }));
}

function unknownIn<Value>(file: ReadFile<Value>, references: readonly Reference[], names: Names): string[] {
  return references.flatMap(({ kind, name, path }) => {
    const known = names[kind];
    if (!known || known.includes(name)) return [];
    return [file.problemAt(path, `no ${kind} ${name} is there; ${advice(name, [...new Set(known)])}`)];
  });
}

function twice(names: readonly string[]): number[] {
  return [...names.keys()].filter((index) => names.indexOf(names[index] ?? '') < index);
}
