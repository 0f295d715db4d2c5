/**
 * Orders two Debian versions as dpkg does (Debian Policy §5.6.12): epoch, upstream version, revision.
 * @returns negative when `left` is older, 0 when they are equal (`1.0` and `1.0-0` are), positive when it is newer
 */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [partsOf(left), partsOf(right)];
  return a.epoch - b.epoch || compareText(a.upstream, b.upstream) || compareText(a.revision, b.revision);
}

/** Removes the suffix of a rebuild without changes to the source (`+b1`): it is on binaries only, never in a changelog. */
export function withoutRebuild(version: string): string {
  return version.replace(/\+b\d+$/, '');
}

function partsOf(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return {
    epoch: colon < 0 ? 0 : Number(version.slice(0, colon)),
    upstream: dash < 0 ? rest : rest.slice(0, dash),
    revision: dash < 0 ? '' : rest.slice(dash + 1),
  };
}

/** Runs of non-digits and of digits take turns; both sides are padded with empty runs. */
function compareText(left: string, right: string): number {
  const [a, b] = [runsOf(left), runsOf(right)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = i % 2 === 0 ? compareLetters(a[i] ?? '', b[i] ?? '') : compareDigits(a[i] ?? '', b[i] ?? '');
    if (difference !== 0) return difference;
  }
  return 0;
}

function runsOf(text: string): string[] {
  return [...text.matchAll(/(\D*)(\d*)/g)].flatMap(([, letters = '', digits = '']) => [letters, digits]);
}

function compareLetters(left: string, right: string): number {
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = weightOf(left[i]) - weightOf(right[i]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** `~` sorts before the end of the text, letters before everything else. */
function weightOf(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === '~') return -1;
  return character.charCodeAt(0) + (/[A-Za-z]/.test(character) ? 0 : 256);
}

/** By length first, so that a run of any length is exact. */
function compareDigits(left: string, right: string): number {
  const [a, b] = [left.replace(/^0+/, ''), right.replace(/^0+/, '')];
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
