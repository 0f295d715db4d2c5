/** What vendors have released, and the truth about it that nobody in the product knows: which of it is bad, how, and for whom. */
import type { Chance } from './chance.ts';

/**
 * How a patch is bad:
 * `configure`: its configure step fails. `service`: its service does not run afterwards. `soak`: its service fails some
 * minutes later. `boot`: the machine does not come up again. `endless reboot`: the reboot it asks for never happens.
 */
export type BadShape = 'configure' | 'service' | 'soak' | 'boot' | 'endless reboot';

export type Bad = {
  readonly shape: BadShape;
  /** Of the endpoints that have the package; 1 is all of them. */
  readonly share: number;
  /** For `soak`: how long the service runs. */
  readonly afterMinutes: number;
};

export type PublishedVersion = {
  readonly package: string;
  readonly from: string;
  readonly to: string;
  readonly origin: string;
  /** Null: it has none. */
  readonly service: string | null;
  /** What comes into effect only by a reboot, or by restarts of services that hold it. */
  readonly effect: 'reboot' | 'restart' | 'at once';
  readonly cves: readonly string[];
  readonly urgency: string;
  readonly changelogReadable: boolean;
  /** What installing it would remove or put to an older version: the dry run says so. */
  readonly removes: readonly string[];
  readonly downgrades: readonly string[];
  readonly bad: Bad | null;
  /** A version that comes out while cycles are under way; null when none does. */
  readonly newer: { readonly to: string; readonly atMinutes: number } | null;
};

type Kind = Pick<PublishedVersion, 'package' | 'service' | 'effect'>;

/** The universe: small, with every kind of thing that an update can touch. */
const kinds: readonly [Kind, ...Kind[]] = [
  { package: 'nginx', service: 'nginx', effect: 'at once' },
  { package: 'postgresql-15', service: 'postgresql', effect: 'at once' },
  { package: 'openssl', service: null, effect: 'restart' },
  { package: 'bash', service: null, effect: 'at once' },
  { package: 'linux-image-amd64', service: null, effect: 'reboot' },
  { package: 'libc6', service: null, effect: 'reboot' },
  { package: 'dbus', service: 'dbus', effect: 'reboot' },
  { package: 'cups', service: 'cups', effect: 'at once' },
];

export const securityOrigin = 'Debian-Security:12/oldstable-security';
const stable = 'Debian:12.9/oldstable';
/** An archive that says nothing of what it brings: its updates have no known class. */
export const unknownOrigin = 'Acme:1/main';

export function drawPublishedVersions(chance: Chance): PublishedVersion[] {
  const badTimes = chance.happens(0.55);
  return chance
    .shuffled(kinds)
    .slice(0, chance.between(1, 5))
    .map((kind, index) => drawPublishedVersion(chance, kind, index, badTimes));
}

function drawPublishedVersion(chance: Chance, kind: Kind, index: number, badTimes: boolean): PublishedVersion {
  const origin = chance.happens(0.1) ? unknownOrigin : chance.happens(0.75) ? securityOrigin : stable;
  const offends = chance.happens(0.08);
  return {
    ...kind,
    from: '1.0-1',
    to: '1.0-2',
    origin,
    cves: chance.happens(0.6) ? [`CVE-2026-${4000 + index}`] : [],
    urgency: chance.oneOf(['low', 'medium', 'high']),
    changelogReadable: !chance.happens(0.1),
    removes: offends && chance.happens(0.5) ? ['mail-transport-agent'] : [],
    downgrades: offends ? ['zlib1g'] : [],
    bad: badTimes && chance.happens(0.4) ? drawBad(chance, kind) : null,
    newer: chance.happens(0.15) ? { to: '1.0-3', atMinutes: chance.between(1, 120) } : null,
  };
}

function drawBad(chance: Chance, kind: Kind): Bad {
  const shapes: BadShape[] = ['configure'];
  if (kind.service) shapes.push('service', 'soak', 'soak');
  if (kind.effect === 'reboot') shapes.push('boot', 'endless reboot');
  const share = chance.happens(0.5) ? 1 : chance.between(1, 9) / 10;
  return { shape: chance.oneOf(shapes) ?? 'configure', share, afterMinutes: chance.between(1, 12) };
}
