import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { copyFile, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../activities/adapters/command.ts';
import { makeWhole } from '../../system/whole-files.ts';
import { runFor } from './disk.ts';
import { siteNamespace, type LabLayout } from './layout.ts';
import { listens } from './network.ts';
import { startService } from './service.ts';
import { gatewayOf, openLab, type LabSite } from './state.ts';
import { until } from './until.ts';

/**
 * The lab's own apt repository, signed with a key that `up` makes, served at every site's gateway. Not through the
 * package cache: an index that was just published must be what the next `apt-get update` sees.
 */
export const repositoryPort = 3143;
export const repositorySuite = 'lab';
const signer = 'Patchcycle lab';

/** Makes key and empty repository when they are not there, and serves it at every site. */
export async function startRepository(lab: LabLayout, sites: readonly LabSite[]): Promise<void> {
  mkdirSync(join(lab.repository, 'pool'), { recursive: true });
  await ensureKey(lab);
  if (!existsSync(releaseFile(lab))) await writeIndex(lab);
  for (const site of sites) {
    const namespace = siteNamespace(lab, site.name);
    const command = httpServer(gatewayOf(site), repositoryPort, lab.repository);
    await startService(lab, `repository-${site.name}`, command, namespace);
    await until('the repository is served', () => listens(namespace, repositoryPort), 15_000);
  }
}

/** The argv of a small web server over a folder. */
export function httpServer(address: string, port: number, folder: string): readonly string[] {
  return ['/usr/bin/python3', '-m', 'http.server', '--bind', address, '--directory', folder, String(port)];
}

/** The public key with which endpoints check the repository. */
export function repositoryKey(lab: LabLayout): string {
  return join(lab.signing, 'lab.gpg');
}

/**
 * Adds packages to the lab's repository and signs it again, also while endpoints run. Publishing the same file again
 * changes nothing; another file under the same name and version is refused, as an archive would.
 */
export async function publish(directory: string, debFiles: readonly string[]): Promise<void> {
  const { lab } = openLab(directory);
  for (const file of debFiles) await addToPool(lab, file);
  await writeIndex(lab);
}

async function addToPool(lab: LabLayout, file: string): Promise<void> {
  const fields = await run(['dpkg-deb', '--show', '--showformat', '${Package}\n${Version}\n${Architecture}', file]);
  const [name = '', version = '', architecture = ''] = fields.split('\n');
  const target = join(lab.repository, 'pool', `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`);
  if (!existsSync(target)) {
    await makeWhole(target, (unfinished) => copyFile(file, unfinished));
    return;
  }
  if ((await readFile(file)).equals(await readFile(target))) return;
  throw new Error(`${name} ${version} is published already with other content: give ${file} a higher version.`);
}

/**
 * Writes the index beside the one in use and signs last, in one rename: an endpoint that is just reading sees the old
 * or the new index whole, since lists are fetched by their hash.
 */
async function writeIndex(lab: LabLayout): Promise<void> {
  const architecture = (await run(['dpkg', '--print-architecture'])).trim();
  const folder = join(lab.repository, 'dists', repositorySuite, 'main', `binary-${architecture}`);
  mkdirSync(folder, { recursive: true });
  const packages = await run(['apt-ftparchive', 'packages', 'pool'], { workingDirectory: lab.repository });
  // apt asks by the strongest hash that the Release names.
  const byHash = join(folder, 'by-hash', 'SHA512');
  mkdirSync(byHash, { recursive: true });
  await writeFile(join(byHash, createHash('sha512').update(packages).digest('hex')), packages);
  await writeFile(join(folder, 'Packages'), packages);
  const release = await run([
    'apt-ftparchive',
    ...Object.entries({
      Origin: signer,
      Label: 'Patchcycle-Lab',
      Suite: repositorySuite,
      Codename: repositorySuite,
      Architectures: `${architecture} all`,
      Components: 'main',
      'Acquire-By-Hash': 'yes',
    }).flatMap(([field, value]) => ['-o', `APT::FTPArchive::Release::${field}=${value}`]),
    'release',
    join(lab.repository, 'dists', repositorySuite),
  ]);
  await makeWhole(releaseFile(lab), async (unfinished) => {
    await gpg(lab, ['--clearsign', '--output', unfinished], release);
    await makeNewer(lab, unfinished);
  });
}

/** Times of HTTP have whole seconds: an index published within the same second would pass for the one before. */
async function makeNewer(lab: LabLayout, unfinished: string): Promise<void> {
  if (!existsSync(releaseFile(lab))) return;
  const before = Math.floor((await stat(releaseFile(lab))).mtimeMs / 1000);
  const modified = Math.max(Math.floor(Date.now() / 1000), before + 1);
  await utimes(unfinished, modified, modified);
}

function releaseFile(lab: LabLayout): string {
  return join(lab.repository, 'dists', repositorySuite, 'InRelease');
}

async function ensureKey(lab: LabLayout): Promise<void> {
  if (existsSync(repositoryKey(lab))) return;
  mkdirSync(join(lab.signing, 'home'), { recursive: true, mode: 0o700 });
  await gpg(lab, ['--passphrase', '', '--quick-generate-key', signer, 'ed25519', 'sign', 'never']);
  await makeWhole(repositoryKey(lab), (unfinished) => gpg(lab, ['--output', unfinished, '--export', signer]));
}

/** Runs gpg on the lab's own keyring, and ends the agent it leaves behind. */
async function gpg(lab: LabLayout, argv: readonly string[], input?: string): Promise<void> {
  // Reached by a short path, because gpg's agent listens on a socket in it.
  const home = join(lab.run, 'gpg');
  if (!existsSync(home)) symlinkSync(join(lab.signing, 'home'), home);
  try {
    await runFor(lab, ['gpg', '--homedir', home, '--batch', '--quiet', ...argv], input === undefined ? {} : { input });
  } finally {
    await endSigning(lab);
  }
}

/** Ends gpg's agent, should one run. */
export async function endSigning(lab: LabLayout): Promise<void> {
  const home = join(lab.run, 'gpg');
  if (existsSync(home)) await run(['gpgconf', '--homedir', home, '--kill', 'all']);
}
