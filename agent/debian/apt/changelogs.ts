/** Changelogs, read from packages that were fetched and are not installed yet. */
import { spawn } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { ChangelogEntry } from '../../../domain/patches/advisory.ts';
import { compareVersions } from '../../../domain/debian-version.ts';
import type { Patch } from '../../../domain/patch.ts';
import { PackageManagerFailed } from '../../machine.ts';
import { firstLine, knownPackages } from '../dpkg.ts';
import type { DpkgPackage } from '../dpkg.ts';
import { environment, run } from '../program.ts';
import { fetched, fileOf, newArchive } from './archives.ts';
import { parseChangelog } from './changelog.ts';
import { parseStanzas, sourceOf } from './updates.ts';

const maximumChangelogBytes = 32 * 1024 * 1024;
const unzip = promisify(gunzip);

/** See `PackageBackEnd.changelogs`. Throws `PackageManagerFailed` for a package that was not fetched. */
export async function changelogs(patches: readonly Patch[]): Promise<readonly ChangelogEntry[]> {
  const present = await fetched();
  const installed = await knownPackages();
  const absent = patches.find((patch) => !present.has(newArchive(patch)));
  if (absent) {
    throw new PackageManagerFailed(
      `${absent.package} ${absent.to} was not prefetched, so its changelog cannot be read.`,
    );
  }
  const sources = await Promise.all(patches.map((patch) => readSource(fileOf(patch))));
  const texts = new Map<string, string>();
  for (const [at, patch] of patches.entries()) {
    const source = sources[at] ?? '';
    // The changelog is the source's, so one is enough; a package may also show another's by a link, and have none.
    if (texts.has(source)) continue;
    const text = await readFromArchive(fileOf(patch), patch.package);
    if (text !== null) texts.set(source, text);
  }
  return patches.flatMap((patch, at) =>
    newerEntries(patch, sources[at] ?? '', texts.get(sources[at] ?? '') ?? '', installed),
  );
}

function newerEntries(
  patch: Patch,
  source: string,
  text: string,
  installed: readonly DpkgPackage[],
): readonly ChangelogEntry[] {
  const entries = parseChangelog(text);
  const before = installed.find(
    (each) => each.package === patch.package && each.architecture === patch.architecture,
  )?.sourceVersion;
  // Of a package that is new here everything would be news: its latest entry stands for it.
  const news =
    before === undefined ? entries.slice(0, 1) : entries.filter(({ version }) => compareVersions(version, before) > 0);
  return news.map((entry) => ({ ...entry, package: patch.package, source }));
}

async function readSource(file: string): Promise<string> {
  const ran = await run('dpkg-deb', ['--field', file, 'Package', 'Source', 'Version']);
  const [stanza] = parseStanzas(ran.stdout);
  if (ran.code !== 0 || !stanza) throw new PackageManagerFailed(`${file} cannot be read: ${firstLine(ran.stderr)}`);
  return sourceOf(stanza).source;
}

/** Null when the package brings no changelog of its own. A native package's has the plain name. */
async function readFromArchive(file: string, name: string): Promise<string | null> {
  for (const changelog of ['changelog.Debian.gz', 'changelog.gz']) {
    const bytes = await extract(file, `./usr/share/doc/${name}/${changelog}`);
    if (bytes.length === 0) continue;
    const text = await unzip(bytes, { maxOutputLength: maximumChangelogBytes }).catch(() => null);
    if (text === null) throw new PackageManagerFailed(`The changelog in ${file} cannot be unpacked.`);
    return text.toString('utf8');
  }
  return null;
}

/** One member of a package's files; empty when it is not there, or is a link. */
async function extract(file: string, member: string): Promise<Buffer> {
  const options = { env: environment, cwd: '/' };
  const unpacked = spawn('dpkg-deb', ['--fsys-tarfile', file], { ...options, stdio: ['ignore', 'pipe', 'ignore'] });
  const chosen = spawn('tar', ['--extract', '--to-stdout', '--file=-', member], {
    ...options,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const chunks: Buffer[] = [];
  chosen.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => {
    chosen.once('close', () => resolve());
    chosen.once('error', reject);
    unpacked.once('error', reject);
  });
  // tar stops reading where the archive ends, a little before its padding does.
  await pipeline(unpacked.stdout, chosen.stdin).catch(() => undefined);
  await ended;
  return Buffer.concat(chunks);
}
