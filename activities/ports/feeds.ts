import type { KnownExploited } from '../../domain/patches/advisory.ts';
import type { SupportEnd } from '../../domain/reports/review-facts.ts';

/** Vulnerabilities that are known to be exploited. Throws `FeedUnreadable`, never answers less than it was given. */
export interface KevFeed {
  /** Entries by CVE id. */
  catalogue(): Promise<ReadonlyMap<string, KnownExploited>>;
}

/** Until when operating systems, and Node, are supported. Throws `FeedUnreadable`. */
export interface SupportFeed {
  /**
   * @param osId as in os-release: `debian`; `nodejs` for Node
   * @param version as in os-release: `12`; of Node the release line
   * @returns `endsAt: null` when no source knows the release; unknown is not the same as supported
   */
  supportEnd(osId: string, version: string): Promise<SupportEnd>;
}

/** A feed's file is missing or is not what it should be. The message names the file and the place in it. Permanent. */
export class FeedUnreadable extends Error {
  override readonly name = 'FeedUnreadable';
}
