/** The endpoints of a client as they truly are, and what will go wrong with each. */
import type { Criticality, Site, StatedEndpoint } from '../../../domain/policies/policy.ts';
import type { Chance } from './chance.ts';
import type { PublishedVersion } from './releases.ts';

/** A stretch of time, in milliseconds of the virtual clock. */
export type Span = { readonly fromAt: number; readonly untilAt: number };

export type Faults = {
  /** Off, or cut off. */
  readonly absences: readonly Span[];
  /** Its agent takes calls and does not answer. */
  readonly hangs: readonly Span[];
  /** How long its answers take at worst, in milliseconds. */
  readonly lateMilliseconds: number;
  /** Says it has done what it has not. */
  readonly liesAbout: 'install' | 'reboot' | 'checks' | null;
  /** The power goes in the middle of its first install. */
  readonly powerCutInInstall: boolean;
  readonly snapshot: 'good' | 'unusable' | 'refused';
  readonly restore: 'good' | 'refused' | 'brings a broken machine';
  /** Its package manager or mirror says no to its first fetch. */
  readonly mirrorAway: boolean;
  /** Services come up that late. */
  readonly settleMilliseconds: number;
};

export type EndpointFacts = {
  readonly endpointId: string;
  readonly siteId: string;
  readonly stated: StatedEndpoint;
  readonly packages: Readonly<Record<string, string>>;
  /** How long an install lasts here, in milliseconds. */
  readonly installMilliseconds: number;
  readonly bootMilliseconds: number;
  readonly faults: Faults;
  /** Nobody ever enrolled it. */
  readonly enrolled: boolean;
  /** What brings its share of the bad patches on it: 0 up to 1. */
  readonly luck: number;
};

const criticalities: readonly [Criticality, ...Criticality[]] = ['low', 'medium', 'high'];

export function drawEndpoints(
  chance: Chance,
  client: {
    readonly clientId: string;
    readonly sites: readonly Site[];
    readonly count: number;
    readonly desks: boolean;
  },
  releases: readonly PublishedVersion[],
  span: Span,
): EndpointFacts[] {
  const trouble = chance.oneOf([0, 0.5, 1, 1, 2]);
  const groups = chance.happens(0.5) ? chance.between(1, 2) : 0;
  return Array.from({ length: client.count }, (_, index) => {
    const site = chance.oneOf(client.sites);
    if (!site) throw new Error(`client ${client.clientId} has no site`);
    // Digits in front, so that names are in no order that a draw could be taken for.
    const name = `${chance.between(100, 999)}-${site.name}-${index}`;
    const stated: StatedEndpoint = {
      name,
      siteId: site.id,
      role: client.desks && chance.happens(0.4) ? 'desk' : 'server',
      criticality: chance.happens(0.5) ? 'medium' : chance.oneOf(criticalities),
      owner: null,
      redundancyGroup: groups > 0 && chance.happens(0.4) ? `pair-${chance.between(1, groups)}` : null,
      tags: [],
    };
    return {
      endpointId: `${name}.${client.clientId}`,
      siteId: `${site.id}.${client.clientId}`,
      stated,
      packages: drawPackages(chance, releases),
      installMilliseconds: 1000 * (chance.happens(0.02) ? chance.between(300, 1500) : chance.between(3, 30)),
      bootMilliseconds: 1000 * chance.between(4, 40),
      faults: drawFaults(chance, trouble, span),
      enrolled: !chance.happens(0.02),
      luck: chance.next(),
    };
  });
}

function drawPackages(chance: Chance, releases: readonly PublishedVersion[]): Record<string, string> {
  const packages: Record<string, string> = { zlib1g: '1.2-1', 'mail-transport-agent': '4.0-1' };
  for (const release of releases) {
    if (chance.happens(0.15)) continue;
    packages[release.package] = chance.happens(0.1) ? release.to : release.from;
  }
  return packages;
}

function drawFaults(chance: Chance, trouble: number, { fromAt, untilAt }: Span): Faults {
  const stretch = (longest: number): Span => {
    const from = fromAt + Math.floor(chance.next() * Math.min(untilAt - fromAt, 4 * 3_600_000)) - 600_000;
    return { fromAt: from, untilAt: from + 1000 * chance.between(20, longest) };
  };
  const happens = (probability: number) => chance.happens(probability * trouble);
  const returnsNever = happens(0.02);
  return {
    absences: returnsNever ? [{ fromAt: fromAt - 1, untilAt: Infinity }] : happens(0.12) ? [stretch(9000)] : [],
    hangs: happens(0.06) ? [stretch(1800)] : [],
    lateMilliseconds: happens(0.08) ? 1000 * chance.between(3, 40) : 250,
    liesAbout: happens(0.06) ? chance.oneOf(['install', 'reboot', 'checks']) : null,
    powerCutInInstall: happens(0.05),
    snapshot: happens(0.05) ? chance.oneOf(['unusable', 'refused']) : 'good',
    restore: happens(0.12) ? chance.oneOf(['refused', 'brings a broken machine']) : 'good',
    mirrorAway: happens(0.04),
    settleMilliseconds: happens(0.1) ? 1000 * chance.between(10, 90) : 500,
  };
}
