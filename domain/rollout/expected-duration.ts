/**
 * How long the work on an endpoint is expected to take (rule 6: docs/rules.md#rule-6): fetch, snapshot, install,
 * reboot, proof, and putting it back if need be. Learned from how long it took before, on that endpoint and with that
 * kind of patch set.
 *
 * The estimate is the k-th of n earlier lengths in order, with k = ceil((n + 1) * 0.9). Whatever their distribution,
 * the next one is at most that long with a probability of at least 0.9, if it is like the others (exchangeable): Wilks,
 * "Determination of Sample Sizes for Setting Tolerance Limits", Annals of Mathematical Statistics 12 (1941); Lei et
 * al., "Distribution-Free Predictive Inference for Regression", JASA 113 (2018), section 2. One outlier moves it by one
 * place at most. Such a k exists from 9 lengths on, which is therefore the least that is learned from. With fewer of
 * its own, the client's other endpoints are asked, but never for less than its own slowest. Else the stated default
 * holds.
 *
 * It is an expectation, no promise: what has started is never killed because a window ends.
 */
import { sayMinutes } from '../words.ts';
import type { RebootRule } from '../endpoints/operation.ts';

export type PatchSetSize = 'small' | 'medium' | 'large';

/** What takes alike long: how much there is to install, and whether a reboot is likely. */
export type PatchSetKind = `${PatchSetSize} ${'with' | 'without'} reboot`;

/** How one earlier work went. Only those that came to a proven end: a quarantine lasted as long as time-outs do. */
export type DurationSample = {
  readonly endpointId: string;
  readonly kind: PatchSetKind;
  readonly outcome: 'patched' | 'rolled_back';
  readonly minutes: number;
  /** From the install on; null where that was not recorded, then all of it counts. */
  readonly minutesFromInstall: number | null;
};

export type Expectation = {
  readonly kind: PatchSetKind;
  /** All of it, asked before anything starts. */
  readonly minutes: number;
  /** From the install on: what can no longer be taken back. */
  readonly minutesFromInstall: number;
  readonly because: string;
};

/** A restore of the whole machine and its proof. Counted in full: the window has to bear the worst. */
export const restoreMinutes = 5;
/** Before the install: observation, fetch, snapshot. */
const preparationMinutes = 3;
const rebootMinutes = 4;
const installMinutes: Readonly<Record<PatchSetSize, number>> = { small: 3, medium: 6, large: 18 };

const samplesAtLeast = 9;
/** Older ones tell of older hardware. */
const samplesAtMost = 40;

const mebibyte = 2 ** 20;
/** A set is of the first size that it does not exceed. */
const sizes: readonly { readonly size: PatchSetSize; readonly patches: number; readonly mebibytes: number }[] = [
  { size: 'small', patches: 10, mebibytes: 50 },
  { size: 'medium', patches: 60, mebibytes: 400 },
];

/**
 * Kernels, and what PID 1 and dbus map: replaced, a reboot is due. A hint for the length alone; agents tell what is
 * due.
 */
const rebooting =
  /^(linux-image|linux-modules|systemd$|libsystemd|libc6$|libssl3|dbus|libdbus-1|libexpat1$|libgcrypt20$|liblzma5$|libzstd1$|libselinux1$|libpam0g$|libaudit1$|udev$|libudev1$|intel-microcode|amd64-microcode)/;

/** Which kind a patch set is of. A policy that always reboots makes it likely, one that never does makes it not. */
export function kindOf(set: {
  readonly patches: readonly { readonly package: string; readonly sizeBytes: number }[];
  readonly reboot: RebootRule;
}): PatchSetKind {
  const { patches, reboot } = set;
  const mebibytes = patches.reduce((sum, patch) => sum + patch.sizeBytes, 0) / mebibyte;
  const size = sizes.find((one) => patches.length <= one.patches && mebibytes <= one.mebibytes)?.size ?? 'large';
  const asked = patches.some((patch) => rebooting.test(patch.package));
  const likely = reboot === 'always' || (reboot === 'if required' && asked);
  return `${size} ${likely ? 'with' : 'without'} reboot`;
}

/** What is expected where nothing has been learned. */
export function defaultExpectation(kind: PatchSetKind): Expectation {
  const [size, withReboot] = kind.split(' ') as [PatchSetSize, 'with' | 'without'];
  const minutesFromInstall = installMinutes[size] + (withReboot === 'with' ? rebootMinutes : 0) + restoreMinutes;
  const minutes = preparationMinutes + minutesFromInstall;
  return { kind, minutes, minutesFromInstall, because: `${sayMinutes(minutes)} by default for a set ${kind}` };
}

/** What is not planned yet may be anything: the longest default. */
export const unplannedExpectation: Expectation = {
  ...defaultExpectation('large with reboot'),
  because: 'what it gets is not planned yet, so the longest default holds',
};

/**
 * What is expected of a set of that kind on that endpoint.
 * @param samples earlier outcomes of its client, the newest first; those of other kinds are left out here
 */
export function expectDuration(question: {
  readonly endpointId: string;
  readonly kind: PatchSetKind;
  readonly samples: readonly DurationSample[];
}): Expectation {
  const { endpointId, kind } = question;
  const alike = question.samples.filter((sample) => sample.kind === kind);
  const own = alike.filter((sample) => sample.endpointId === endpointId).slice(0, samplesAtMost);
  const learnedFrom = own.length >= samplesAtLeast ? own : alike.slice(0, samplesAtMost);
  const stated = defaultExpectation(kind);
  const enough = learnedFrom.length >= samplesAtLeast;
  const slowest = (part: (sample: DurationSample) => number) => Math.max(0, ...own.map(part));
  const expected = (part: (sample: DurationSample) => number, byDefault: number) => {
    if (learnedFrom === own) return quantile(own.map(part));
    return Math.max(enough ? quantile(learnedFrom.map(part)) : byDefault, slowest(part));
  };
  const minutes = Math.ceil(expected(needed, stated.minutes));
  const minutesFromInstall = Math.min(minutes, Math.ceil(expected(neededFromInstall, stated.minutesFromInstall)));
  return { kind, minutes, minutesFromInstall, because: explain(stated, minutes, own.length, learnedFrom.length) };
}

function explain(stated: Expectation, minutes: number, own: number, learnedFrom: number): string {
  const restore = 'a possible restore included';
  if (own >= samplesAtLeast)
    return `${sayMinutes(minutes)}, as 9 in 10 of its last ${own} of a set ${stated.kind}, ${restore}`;
  if (learnedFrom >= samplesAtLeast)
    return `${sayMinutes(minutes)}, as 9 in 10 of the client's last ${learnedFrom} of a set ${stated.kind} and its own ${own}, ${restore}`;
  if (minutes <= stated.minutes) return stated.because;
  return `${sayMinutes(minutes)}, as its slowest of ${own} of a set ${stated.kind}, ${restore}`;
}

/** What the window would have had to bear: where nothing was rolled back, it might have had to be. */
function needed({ outcome, minutes }: DurationSample): number {
  return outcome === 'patched' ? minutes + restoreMinutes : minutes;
}

function neededFromInstall(sample: DurationSample): number {
  return needed({ ...sample, minutes: sample.minutesFromInstall ?? sample.minutes });
}

/** The ceil((n + 1) * 0.9)-th in order; of fewer than 9 there is none, and the longest counts. */
function quantile(lengths: readonly number[]): number {
  const place = Math.ceil(((lengths.length + 1) * 9) / 10);
  return lengths.toSorted((a, b) => a - b)[Math.min(place, lengths.length) - 1] ?? 0;
}
