/** Lays each policy over what it extends, and says where one is looser, missing or its own ancestor. */
import { layOver, loosenings } from '../../../domain/policies/layers.ts';
import { advice } from '../../schemas/entries.ts';
import type { ReadFile } from './problems.ts';
import type { PolicyLayer } from '../../../domain/policies/looser.ts';

type PolicyFile = ReadFile<PolicyLayer>;
type Laid = { readonly layers: readonly PolicyLayer[]; readonly problems: readonly string[] };

/** The layers with what they extend under them, in the order of the files. Files with problems are left out. */
export function layPolicies(files: readonly PolicyFile[]): Laid {
  const results = files.flatMap((file) => (file.value ? [layPolicy(file, file.value, files)] : []));
  return {
    layers: results.map(({ layer }) => layer),
    problems: results.flatMap(({ problems }) => problems),
  };
}

function layPolicy(
  file: PolicyFile,
  own: PolicyLayer,
  files: readonly PolicyFile[],
): { layer: PolicyLayer; problems: string[] } {
  const chain = ancestors(own, files);
  const twice = files.find((other) => other !== file && other.value?.name === own.name);
  const problems = chain.problem === null ? [] : [file.problemAt(['extends'], chain.problem)];
  if (twice) problems.push(file.problemAt(['policy'], `${own.name} is in ${twice.file} too; give one another name`));
  const above = chain.layers.reduceRight<PolicyLayer | null>(
    (under, layer) => (under ? layOver(under, layer) : layer),
    null,
  );
  if (above)
    problems.push(...loosenings(above, own).map(({ field, because }) => file.problemAt(pathOf(field), because)));
  const layer = above ? layOver(above, own) : own;
  return { layer, problems: [...problems, ...missing(file, layer, files)] };
}

/** What a policy extends, nearest first. */
function ancestors(own: PolicyLayer, files: readonly PolicyFile[]): { layers: PolicyLayer[]; problem: string | null } {
  const layers: PolicyLayer[] = [];
  const known = files.flatMap(({ value }) => (value ? [value.name] : []));
  for (let layer = own; layer.extends !== null;) {
    const wanted = layer.extends;
    if (wanted === own.name || layers.some(({ name }) => name === wanted))
      return { layers, problem: `${own.name} extends itself by way of ${layer.name}; take one extends out` };
    const next = files.find(({ value }) => value?.name === wanted)?.value;
    if (!next) return { layers, problem: `no policy ${wanted} is there; ${advice(wanted, known)}` };
    layers.push(next);
    layer = next;
  }
  return { layers, problem: null };
}

/** A policy that applies to endpoints must say what it approves and when; nothing is guessed. */
function missing(file: PolicyFile, layer: PolicyLayer, files: readonly PolicyFile[]): string[] {
  const isWhole = layer.extends === null || files.every(({ value }) => value !== null);
  if (layer.applies === null || !isWhole) return [];
  const needed = { approve: layer.approve, windows: layer.windows };
  return Object.entries(needed)
    .filter(([, stated]) => stated === undefined)
    .map(([field]) =>
      file.problemAt([field], 'is missing here and in what it extends; a policy that applies must state it'),
    );
}

/** `approve[0]` as steps: approve, 0. */
function pathOf(field: string): (string | number)[] {
  return field
    .split(/[.[\]]+/)
    .filter((step) => step !== '')
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}
