import { existsSync } from 'node:fs';
import { run } from '../../activities/adapters/command.ts';

/** A program the lab calls, and the Debian package that brings it. */
const programs: readonly (readonly [program: string, debianPackage: string])[] = [
  ['/usr/bin/mmdebstrap', 'mmdebstrap'],
  ['/usr/bin/btrfs', 'btrfs-progs'],
  ['/usr/bin/systemd-nspawn', 'systemd-container'],
  ['/usr/sbin/apt-cacher-ng', 'apt-cacher-ng'],
  ['/usr/bin/nmap', 'nmap'],
  ['/usr/bin/socat', 'socat'],
  ['/usr/bin/ip', 'iproute2'],
  ['/usr/bin/dpkg-deb', 'dpkg'],
  ['/usr/bin/dpkg-scanpackages', 'dpkg-dev'],
  ['/usr/bin/apt-ftparchive', 'apt-utils'],
  ['/usr/bin/gpg', 'gnupg'],
  ['/usr/bin/openssl', 'openssl'],
  ['/usr/bin/curl', 'curl'],
  ['/usr/bin/python3', 'python3'],
  ['/usr/bin/nsenter', 'util-linux'],
  ['/usr/share/keyrings/debian-archive-keyring.gpg', 'debian-archive-keyring'],
];

/** Why no lab can be made here, in one sentence; null when it can. */
export function whyNoLab(): string | null {
  if (process.platform !== 'linux' || !existsSync('/etc/debian_version')) {
    return 'The lab needs Debian: its endpoints are made with Debian tools from this machine’s own package sources.';
  }
  if (process.getuid?.() !== 0)
    return 'The lab needs root, for network namespaces, mounts and machines: run it as root.';
  return null;
}

/** Debian packages the lab needs and this machine lacks. */
export function missingPackages(): readonly string[] {
  return programs.filter(([program]) => !existsSync(program)).map(([, debianPackage]) => debianPackage);
}

/** Installs Debian packages with apt, without the ones they merely recommend. */
export async function installPackages(names: readonly string[]): Promise<void> {
  const environment = { DEBIAN_FRONTEND: 'noninteractive' };
  await run(['apt-get', 'update', '-q'], { environment });
  await run(['apt-get', 'install', '-q', '-y', '--no-install-recommends', ...names], { environment });
}
