/** Debian's changelog format (Debian Policy §4.4). */
import type { ChangelogEntry } from '../../../domain/patches/advisory.ts';

export type ParsedEntry = Omit<ChangelogEntry, 'package' | 'source'>;

const maximumTextLength = 60_000;
const heading = /^[a-z0-9][a-z0-9+.-]* \(([^)\s]+)\) ([^;]*);(.*)$/i;
const trailer = /^ -- .* <[^>]*>  ?(.+)$/;

/** Entries as they stand, latest first. What is no entry (old formats at the end of long changelogs) is passed over. */
export function parseChangelog(text: string): readonly ParsedEntry[] {
  const blocks = text.split(/^(?=\S)/m);
  return blocks.flatMap((block) => parseEntry(block) ?? []);
}

function parseEntry(block: string): ParsedEntry | null {
  const [first = '', ...rest] = block.split('\n');
  const [, version, distribution = '', options = ''] = heading.exec(first) ?? [];
  if (version === undefined) return null;
  const dated = rest.map((line) => trailer.exec(line)?.[1]).find((found) => found !== undefined);
  return {
    version,
    distribution: distribution.trim(),
    urgency: /urgency=([a-z]+)/i.exec(options)?.[1]?.toLowerCase() ?? 'unknown',
    datedAt: toInstant(dated),
    text: rest
      .filter((line) => !trailer.test(line))
      .join('\n')
      .trim()
      .slice(0, maximumTextLength),
  };
}

/** An unreadable date counts as long ago: whatever is due by it is due at once. */
function toInstant(dated: string | undefined): string {
  const milliseconds = Date.parse(dated ?? '');
  return new Date(Number.isNaN(milliseconds) ? 0 : milliseconds).toISOString();
}
