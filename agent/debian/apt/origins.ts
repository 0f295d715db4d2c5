/** Which installed packages come from no distribution: the third-party applications. */
import type { DpkgPackage } from '../dpkg.ts';
import { run } from '../program.ts';

/** Publishers of distributions, as their Release files name them (field Origin). */
const distributions = new Set(['Debian', 'Debian Backports', 'Ubuntu', 'Raspbian']);

/**
 * Packages no version of which a distribution's archive offers or has superseded. None while there are no package
 * lists of any distribution: then nothing can be told from them, and everything would look foreign.
 */
export async function findApplications(installed: readonly DpkgPackage[]): Promise<readonly DpkgPackage[]> {
  // One after the other: where apt's cache is out of date, the first builds it and the second reads it.
  const archives = await run('apt-cache', ['policy']);
  const packages = await run('apt-cache', ['policy', '--', ...installed.map((each) => each.name)]);
  if (archives.code !== 0 || packages.code !== 0)
    throw new Error('apt-cache policy cannot tell where packages come from.');
  const distribution = distributionArchives(archives.stdout);
  if (distribution.size === 0) return [];
  const theirs = ownedByDistribution(packages.stdout, distribution);
  return installed.filter((each) => !theirs.has(each.name) && !theirs.has(each.package));
}

/** From `apt-cache policy`: ` 500 URL SUITE/COMPONENT ARCH Packages`, then `release …,o=Debian,…`. */
export function distributionArchives(text: string): ReadonlySet<string> {
  const found = [...text.matchAll(/^ +-?[0-9]+ (.+)\n +release (.*)$/gm)];
  return new Set(
    found.flatMap(([, archive = '', release = '']) => {
      const origin = /(?:^|,)o=([^,]*)/.exec(release)?.[1] ?? '';
      return distributions.has(origin) ? [archive.trim()] : [];
    }),
  );
}

/** From `apt-cache policy NAME…`: a block for each, with the archives of every version indented under it. */
export function ownedByDistribution(text: string, archives: ReadonlySet<string>): ReadonlySet<string> {
  const blocks = text.split(/^(?=\S)/m);
  const theirs = blocks.filter((block) =>
    [...block.matchAll(/^ {8,}-?[0-9]+ (.+)$/gm)].some(([, archive = '']) => archives.has(archive.trim())),
  );
  return new Set(theirs.map((block) => block.slice(0, block.indexOf('\n')).replace(/:$/, '')));
}
