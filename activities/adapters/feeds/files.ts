/** Feeds kept as files beside the program: CISA's catalogue, endoflife.date's pages, distro-info-data's tables. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parse } from 'yaml';
import type { z } from 'zod';
import type { KnownExploited } from '../../../domain/patches/advisory.ts';
import { FeedUnreadable } from '../../ports/feeds.ts';
import type { KevFeed, SupportFeed } from '../../ports/feeds.ts';
import { distroInfoRowSchema, endOfLifeProductSchema } from '../../schemas/end-of-life.ts';
import { kevCatalogueSchema } from '../../schemas/kev.ts';
import type { KevCatalogue } from '../../schemas/kev.ts';
import type { SupportEnd } from '../../../domain/reports/review-facts.ts';

/**
 * Known exploited vulnerabilities from files, read again at every question, so that a replaced file counts at once.
 * @param paths CISA's catalogue first; files after it add entries, and an entry they plant replaces the catalogue's own
 */
export function kevFiles(paths: readonly string[]): KevFeed {
  return { catalogue: () => readKev(paths) };
}

/** Merges catalogues into entries by CVE id. Throws `FeedUnreadable` when one of the files cannot be read whole. */
export async function readKev(paths: readonly string[]): Promise<ReadonlyMap<string, KnownExploited>> {
  const entries = new Map<string, KnownExploited>();
  for (const path of paths) {
    const catalogue = checked(kevCatalogueSchema, parsedJson(await textOf(path), path), path);
    for (const entry of entriesOf(catalogue, path)) entries.set(entry.cve, entry);
  }
  return entries;
}

function entriesOf(catalogue: KevCatalogue, path: string): KnownExploited[] {
  const source = catalogue.plantedBy === undefined ? `${catalogue.title} ${catalogue.catalogVersion}` : basename(path);
  return catalogue.vulnerabilities.map((entry) => ({
    cve: entry.cveID,
    name: entry.vulnerabilityName,
    addedAt: `${entry.dateAdded}T00:00:00.000Z`,
    dueAt: endOfDay(entry.dueDate),
    requiredAction: entry.requiredAction,
    usedByRansomware: entry.knownRansomwareCampaignUse === 'Known',
    source,
    plantedBy: catalogue.plantedBy ?? null,
  }));
}

/** As os-release(5) allows it: an endpoint says its own, and it becomes part of a path here. */
const osIdentifier = /^[a-z0-9][a-z0-9._-]*$/;

type End = { readonly endsAt: string | null; readonly extendedEndsAt: string | null; readonly source: string };

/**
 * Ends of support from endoflife.date and distro-info-data. Where both know a release and differ, the earlier end
 * counts: support that may have ended is not relied on.
 * @param folder holds `endoflife/<os>.md` and `distro-info/<os>.csv`
 */
export function supportFiles(folder: string): SupportFeed {
  return {
    async supportEnd(osId, version) {
      const os = { id: osId, version };
      if (!osIdentifier.test(osId)) return { os, ...earliest([]) };
      const ends = [
        await endOfLifeDate(`${folder}/endoflife/${osId}.md`, version),
        await distroInfo(`${folder}/distro-info/${osId}.csv`, version),
      ].filter((end) => end !== null);
      return { os, ...earliest(ends) };
    },
  };
}

function earliest(ends: readonly End[]): Omit<SupportEnd, 'os'> {
  if (ends.length === 0) return { endsAt: null, extendedEndsAt: null, source: 'no source knows this release' };
  const known = (key: 'endsAt' | 'extendedEndsAt') => ends.flatMap((end) => end[key] ?? []).toSorted()[0] ?? null;
  return {
    endsAt: known('endsAt'),
    extendedEndsAt: known('extendedEndsAt'),
    source: ends.map((end) => end.source).join(' and '),
  };
}

async function endOfLifeDate(path: string, version: string): Promise<End | null> {
  const text = await textIfKnown(path);
  if (text === null) return null;
  const frontMatter = /^---\n(.*?)\n---/s.exec(text)?.[1];
  if (frontMatter === undefined)
    throw unreadable(path, 'line 1', 'must open with front matter between two lines of ---');
  const product = checked(endOfLifeProductSchema, parsedYaml(frontMatter, path), path);
  const release = product.releases.find((one) => one.releaseCycle === version);
  if (!release) return null;
  return { endsAt: dated(release.eol), extendedEndsAt: dated(release.eoes), source: 'endoflife.date' };
}

async function distroInfo(path: string, version: string): Promise<End | null> {
  const text = await textIfKnown(path);
  if (text === null) return null;
  const [head = '', ...lines] = text.trimEnd().split('\n');
  const names = head.split(',');
  for (const [index, line] of lines.entries()) {
    const cells = line.split(',');
    const row = checked(
      distroInfoRowSchema,
      Object.fromEntries(names.map((name, column) => [name, cells[column]])),
      path,
      `line ${index + 2}`,
    );
    if (row.version.replace(/ LTS$/, '') !== version) continue;
    const extended = row['eol-lts'] ?? row['eol-esm'];
    return {
      endsAt: row.eol && endOfDay(row.eol),
      extendedEndsAt: extended && endOfDay(extended),
      source: 'distro-info-data',
    };
  }
  return null;
}

/** `true` and `false` carry no date: unknown. */
function dated(value: string | boolean | undefined): string | null {
  return typeof value === 'string' ? endOfDay(value) : null;
}

/** The last instant of a civil date, UTC: none of the sources names a zone. */
function endOfDay(date: string): string {
  return `${date}T23:59:59.999Z`;
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, 'the file', `cannot be read (${codeOf(error)}); put it there or correct its permissions`);
  }
}

/** Null when there is no such file: the source does not know this operating system. */
async function textIfKnown(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw unreadable(path, 'the file', `cannot be read (${codeOf(error)}); correct its permissions`);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function parsedJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(path, 'the file', `is not JSON: ${firstLine(error)}`);
  }
}

function parsedYaml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw unreadable(path, 'the front matter', `is not YAML: ${firstLine(error)}`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

function checked<T>(schema: z.ZodType<T>, value: unknown, path: string, place?: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const at = [place, issue?.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')];
  throw unreadable(path, at.filter(Boolean).join(', ') || 'the file', issue?.message ?? 'is not what it should be');
}

function unreadable(path: string, place: string, problem: string): FeedUnreadable {
  return new FeedUnreadable(`Feed ${path} is unreadable: ${place}: ${problem}.`);
}
