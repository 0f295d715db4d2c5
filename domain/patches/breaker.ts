/**
 * The bad-patch breaker (rule 14: docs/rules.md#rule-14): a patch that failed verification on enough distinct
 * endpoints, of two clients at least, stops for everyone until a person releases it. Clients learn that it is stopped,
 * and nothing of each other: what this module says for a client's record carries neither names nor counts.
 *
 * A failure counts against the patches that the evidence blames. Where the evidence blames none (the endpoint did not
 * come back, a file is missing), it counts against each patch of the set that has been proven on no endpoint at all: a
 * kernel that lets nothing boot leaves no agent to say so, and what others have proven is not stopped along with it.
 */
import { type Patch, type PatchId, patchKey } from '../patch.ts';
import type { EndpointEnd } from '../endpoints/end.ts';

export type PatchFailure = {
  readonly clientId: string;
  readonly endpointId: string;
  readonly failedAt: string;
  /**
   * The evidence points to this patch; false: it was in a set that failed, and it is not known which patch is at fault.
   */
  readonly blamed: boolean;
};

export type BreakerQuestion = {
  readonly patch: PatchId;
  readonly failures: readonly PatchFailure[];
  /** An endpoint, of whichever client, was verified with it. */
  readonly provenSomewhere: boolean;
  /** When a person released it last: what failed before no longer counts. Null: never. */
  readonly releasedAt: string | null;
  /** On how many distinct endpoints it has to fail: a setting of the provider. */
  readonly endpointsAtLeast: number;
};

export type BreakerVerdict = {
  readonly stops: boolean;
  /** Distinct endpoints that it failed on, and distinct clients. For the provider alone. */
  readonly endpoints: number;
  readonly clients: number;
  readonly because: readonly string[];
};

/**
 * Where the provider states nothing. Two: with two clients asked for, it is the first number at which one client's own
 * trouble can be told from the patch's; a stop that was wrong costs one order by a person, a stop that came late costs
 * endpoints.
 */
export const defaultEndpointsAtLeast = 2;

/** Judges whether a patch stops for everyone, with what is known of it from all clients. */
export function judgePatch(question: BreakerQuestion): BreakerVerdict {
  const { patch, failures, provenSomewhere, releasedAt, endpointsAtLeast } = question;
  const counted = failures.filter(
    ({ failedAt, blamed }) =>
      (blamed || !provenSomewhere) && (releasedAt === null || Date.parse(failedAt) > Date.parse(releasedAt)),
  );
  const endpoints = new Set(counted.map(({ endpointId }) => endpointId)).size;
  const clients = new Set(counted.map(({ clientId }) => clientId)).size;
  const clientsAtLeast = Math.min(2, endpointsAtLeast);
  return {
    stops: endpoints >= endpointsAtLeast && clients >= clientsAtLeast,
    endpoints,
    clients,
    because: [
      `${patchInWords(patch)} failed verification on ${endpoints} endpoints of ${clients} clients,` +
        ` it stops at ${endpointsAtLeast} of ${clientsAtLeast}`,
      ...(releasedAt === null ? [] : [`what failed before its release at ${releasedAt} is not counted`]),
    ],
  };
}

/** Which patches the end of the work on an endpoint counts against. None unless it was installed and failed. */
export function failuresIn(
  set: readonly Patch[],
  { outcome, packagesAtFault }: Pick<EndpointEnd, 'outcome' | 'packagesAtFault'>,
): readonly { readonly patch: PatchId; readonly blamed: boolean }[] {
  if (outcome !== 'rolled_back' && outcome !== 'quarantined') return [];
  const blamed = set.filter((patch) => packagesAtFault.includes(patch.package));
  return (blamed.length > 0 ? blamed : set).map((patch) => ({ patch: idOf(patch), blamed: blamed.length > 0 }));
}

/**
 * Those of a set that are stopped. A set that would lose a patch is not installed short (rule 12:
 * docs/rules.md#rule-12).
 */
export function stoppedAmong(set: readonly Patch[], stopped: readonly PatchId[]): readonly PatchId[] {
  const keys = new Set(stopped.map(patchKey));
  return set.map(idOf).filter((patch) => keys.has(patchKey(patch)));
}

/** What a client's record says of a stopped patch: no names, no counts. */
export function stoppedInWords(patch: PatchId): string {
  return `${patchInWords(patch)} is stopped provider-wide by the bad-patch breaker until a person releases it`;
}

export function idOf(patch: Pick<Patch, 'package' | 'architecture' | 'to'>): PatchId {
  return { package: patch.package, architecture: patch.architecture, version: patch.to };
}

export function patchInWords({ package: name, version }: Pick<PatchId, 'package' | 'version'>): string {
  return `${name} ${version}`;
}
