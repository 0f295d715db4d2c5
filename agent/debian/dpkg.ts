/** What dpkg's own database says. None of it is an exit code's word. */
import type { InstalledPackage } from '../../domain/endpoints/endpoint.ts';
import { PackageManagerFailed } from '../machine.ts';
import { run } from './program.ts';

export type DpkgPackage = InstalledPackage & {
  /** As dpkg wants it named: with the architecture where several are installed. */
  readonly name: string;
  readonly source: string;
  readonly sourceVersion: string;
  /** Second letter of dpkg's status: `i` installed, `c` only configuration files, others are half-way. */
  readonly state: string;
  /** Marked `R`: dpkg demands that it be installed again. */
  readonly mustBeReinstalled: boolean;
};

const fields = [
  'binary:Package',
  'Package',
  'Version',
  'Architecture',
  'source:Package',
  'source:Version',
  'db:Status-Abbrev',
];

/** Every package dpkg knows of. Throws `PackageManagerFailed` when its database cannot be read. */
export async function knownPackages(): Promise<readonly DpkgPackage[]> {
  const format = `${fields.map((field) => `\${${field}}`).join('\\t')}\\n`;
  const ran = await run('dpkg-query', ['--show', `--showformat=${format}`]);
  if (ran.code !== 0)
    throw new PackageManagerFailed(`dpkg-query cannot read dpkg's database: ${firstLine(ran.stderr)}`);
  return parsePackages(ran.stdout);
}

export function parsePackages(text: string): readonly DpkgPackage[] {
  return lines(text).map((line) => {
    const [name = '', pkg = '', version = '', architecture = '', source = '', sourceVersion = '', status = ''] =
      line.split('\t');
    const state = status.charAt(1);
    const mustBeReinstalled = status.charAt(2) === 'R';
    return { name, package: pkg, version, architecture, source, sourceVersion, state, mustBeReinstalled };
  });
}

/** Wholly installed; what was only unpacked does not count. */
export function isInstalled(each: DpkgPackage): boolean {
  return each.state === 'i' && !each.mustBeReinstalled;
}

export function toInstalledPackage({ package: name, version, architecture }: DpkgPackage): InstalledPackage {
  return { package: name, version, architecture };
}

/** What `dpkg --audit` prints; empty when clean. */
export async function audit(): Promise<string> {
  const ran = await run('dpkg', ['--audit']);
  const said = `${ran.stdout}${ran.stderr}`.trim();
  if (said !== '' || ran.code === 0) return said;
  return `dpkg --audit ended with ${ran.code} and said nothing.`;
}

/** Files of the named packages that are not as their package has them. Reads each of the files. */
export async function alteredFiles(names: readonly string[]): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const ran = await run('dpkg', ['--verify', ...names], { milliseconds: 10 * 60_000 });
  if (ran.code === null) throw new PackageManagerFailed(firstLine(ran.stderr));
  return parseVerified(ran.stdout);
}

/** Documentation is often left out on purpose (dpkg's `path-exclude`), and nothing runs on it. */
const mayBeExcluded = /^\/usr\/share\/(doc|man|info|locale|lintian)\//;

/** Lines of `dpkg --verify`: `??5??????   /path` or `missing     /path`, with a `c` before the path of a conffile. */
export function parseVerified(text: string): readonly string[] {
  return lines(text).flatMap((line) => {
    const [, what, conffile, path] = /^(\S+) +(?:(c) )?(\/.*?)(?: \(.*\))?$/.exec(line) ?? [];
    if (path === undefined || conffile === 'c') return [];
    return what === 'missing' && mayBeExcluded.test(path) ? [] : [path];
  });
}

export function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

export function firstLine(text: string): string {
  return lines(text)[0]?.trim() ?? 'it said nothing';
}
