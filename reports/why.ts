import { patchName } from '../domain/patch.ts';
import type { CycleFacts, OrderFacts } from '../domain/reports/cycle-facts.ts';
import { patchLines } from '../domain/reports/figures.ts';
import type { PatchLine } from '../domain/reports/figures.ts';
import type { EndpointFacts } from '../domain/reports/endpoint-facts.ts';
import { isPatch } from '../domain/rollout/halt.ts';
import { listed } from '../domain/words.ts';
import { decisionWords, describeState, instantInWords, resultWords, versionsInWords } from './words.ts';

/**
 * The recorded reasons for what an endpoint got, or for one package on it: segment, ring, gate, outcome, then its
 * patches. An endpoint or package the cycle does not know is answered with those it knows.
 */
export function whyInWords(facts: CycleFacts, endpointName: string, packageName?: string): string[] {
  const endpoint = facts.endpoints.find((one) => one.endpoint === endpointName);
  if (!endpoint)
    return [
      `${facts.cycleId} has no endpoint ${endpointName}; it has ${
        listed(
          facts.endpoints.map((one) => one.endpoint),
          20,
        ) || 'none'
      }.`,
    ];
  const lines = patchLines(facts).filter((line) => line.endpoint === endpoint);
  if (packageName === undefined) return [...whyEndpoint(facts, endpoint), ...lines.flatMap(whyPatch)];
  const asked = lines.filter((line) => line.patch.package === packageName);
  if (asked.length === 0) return [`No update of ${packageName} was found on ${endpointName} in ${facts.cycleId}.`];
  const orders = facts.orders.filter(({ about }) => asked.some(({ patch }) => concernsPatch(about, patch)));
  return [
    `${endpointName}: ${describeState(endpoint)}`,
    ...indented(endpoint.because),
    ...orders.map(orderInWords),
    ...asked.flatMap(whyPatch),
  ];
}

function whyEndpoint(facts: CycleFacts, endpoint: EndpointFacts): string[] {
  const segment = facts.segments.find((one) => one.segment === endpoint.segment);
  const gates = facts.gates.filter((gate) => gate.ring === endpoint.ring || gate.verdict !== 'advance');
  const { snapshot } = endpoint;
  return [
    `${endpoint.endpoint} at ${endpoint.site}: ${describeState(endpoint)}`,
    ...indented(endpoint.because),
    `policy ${endpoint.policy}, segment ${endpoint.segment}${segment ? `: ${segment.because}` : ''}`,
    ...(segment?.test ? [`sandbox ${segment.test.verdict}: ${segment.test.because.join('; ')}`] : []),
    endpoint.ring === null ? 'in no ring' : `ring ${endpoint.ring}`,
    ...gates.map((gate) => `gate of ring ${gate.ring}: ${gate.verdict}, ${gate.because.join('; ')}`),
    ...facts.orders.filter((one) => concerns(one, endpoint)).map(orderInWords),
    ...(snapshot ? [`snapshot ${snapshot.snapshotId}, ${snapshot.verified ? 'verified' : 'NOT verified'}`] : []),
    ...(snapshot?.restoredAt ? [`rolled back to it at ${instantInWords(snapshot.restoredAt)}`] : []),
    ...failedChecks(endpoint),
  ];
}

function concerns({ about }: OrderFacts, endpoint: EndpointFacts): boolean {
  const parts = ['the cycle', `site ${endpoint.site}`, `endpoint ${endpoint.endpoint}`, `ring ${endpoint.ring}`];
  return parts.includes(about) || endpoint.patches.some((patch) => concernsPatch(about, patch));
}

function concernsPatch(about: string, patch: EndpointFacts['patches'][number]): boolean {
  return (
    about.startsWith('patch ') &&
    isPatch(about.slice('patch '.length), patchName({ package: patch.package, version: patch.to }))
  );
}

function orderInWords({ order, about, who, because, orderedAt }: OrderFacts): string {
  return `${order} of ${about} by ${who} at ${instantInWords(orderedAt)}: ${because.join('; ')}`;
}

function failedChecks(endpoint: EndpointFacts): string[] {
  return endpoint.checks
    .filter(({ after }) => after !== null && !after.passed)
    .map(
      ({ check, before, after }) =>
        `check ${check}: ${before === null ? 'not made' : before.observed} before, ${after?.observed ?? 'not made'} after`,
    );
}

function whyPatch({ patch, entry, result }: PatchLine): string[] {
  const decided = entry && entry.decision === patch.decision ? entry.because : [];
  return [
    `${patch.package} ${versionsInWords(patch)}: ${resultWords[result]}`,
    ...indented([
      ...(patch.because === '' || decided.includes(patch.because) ? [] : [patch.because]),
      ...decided.map((because) => `${decisionWords[patch.decision]}: ${because}`),
      ...(entry && entry.cves.length > 0 ? [`${entry.class}, ${entry.severity}: ${entry.cves.join(', ')}`] : []),
      ...(entry?.dueAt ? [`due ${instantInWords(entry.dueAt)}`] : []),
    ]),
  ];
}

function indented(sentences: readonly string[]): string[] {
  return sentences.map((sentence) => `  ${sentence}`);
}
