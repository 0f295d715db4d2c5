/** What Debian's programs print, read from what they really printed. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { complaint, lockHolder } from '../../agent/debian/apt/apt-get.ts';
import { archiveName, specificationOf } from '../../agent/debian/apt/archives.ts';
import { parseChangelog } from '../../agent/debian/apt/changelog.ts';
import { installArguments, objection } from '../../agent/debian/apt/install.ts';
import { distributionArchives, ownedByDistribution } from '../../agent/debian/apt/origins.ts';
import { complaints, describeDoing, packageInWork, packagesAtFault } from '../../agent/debian/apt/output.ts';
import { parseImpossible, parseSimulation } from '../../agent/debian/apt/simulation.ts';
import { parseStanzas, sourceOf } from '../../agent/debian/apt/updates.ts';
import { isInstalled, parsePackages, parseVerified } from '../../agent/debian/dpkg.ts';
import { parseOsRelease, parseTimers } from '../../agent/debian/facts.ts';
import { replacedFile, serviceOf } from '../../agent/debian/mapped-files.ts';
import { newerKernels, rebuiltKernel } from '../../agent/debian/reboot.ts';
import { chooseServices, parseUnits, rebootReasons, staleServices } from '../../agent/debian/services.ts';

function recorded(name: string): string {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8');
}

describe('apt-get --simulate', () => {
  test('of a fresh bookworm names 24 updates, each with its versions and archives', () => {
    const { installs, removes, downgrades, heldChanged } = parseSimulation(
      recorded('apt-get-s-dist-upgrade.fresh-bookworm.txt'),
    );
    expect(installs).toHaveLength(24);
    expect(installs[0]).toEqual({
      package: 'libperl5.36',
      architecture: 'amd64',
      from: '5.36.0-7+deb12u3',
      to: '5.36.0-7+deb12u4',
      origins: ['Debian-Security:12/oldstable-security'],
    });
    expect(installs.find((each) => each.package === 'tzdata')).toMatchObject({ architecture: 'all' });
    expect([removes, downgrades, heldChanged]).toEqual([[], [], []]);
  });

  test('names what is new, of another architecture, of two archives, from a file, removed, older or held', () => {
    const simulated = [
      'The following packages will be DOWNGRADED:',
      '  expat',
      'The following held packages will be changed:',
      '  curl libcurl4:i386',
      '0 upgraded, 1 newly installed, 1 downgraded, 1 to remove and 0 not upgraded.',
      'Remv exim4:i386 [4.96-15]',
      'Inst libnew (1:2.0-1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []',
      'Inst libc6:i386 [2.36-9] (2.36-10 Debian:12.15/oldstable [i386])',
      'Inst local (1.0 local-deb [all])',
      'Inst bare [1.0] (1.1 [all])',
      'Conf libnew (1:2.0-1 Debian:12.15/oldstable [amd64])',
    ].join('\n');
    expect(parseSimulation(simulated)).toEqual({
      installs: [
        {
          package: 'libnew',
          architecture: 'amd64',
          from: null,
          to: '1:2.0-1',
          origins: ['Debian:12.15/oldstable', 'Debian-Security:12/oldstable-security'],
        },
        { package: 'libc6', architecture: 'i386', from: '2.36-9', to: '2.36-10', origins: ['Debian:12.15/oldstable'] },
        { package: 'local', architecture: 'all', from: null, to: '1.0', origins: ['local-deb'] },
        { package: 'bare', architecture: 'all', from: '1.0', to: '1.1', origins: [] },
      ],
      removes: ['exim4'],
      downgrades: ['expat'],
      heldChanged: ['curl', 'libcurl4'],
    });
  });

  test('says which packages cannot be had, and why', () => {
    const stdout = [
      'The following packages have unmet dependencies:',
      ' nginx : Depends: libssl3 (>= 3.1) but 3.0.22-1~deb12u2 is to be installed',
      '         Recommends: something',
      ' libfoo:amd64 : Breaks: bar but 1 is to be installed',
    ].join('\n');
    const stderr = [
      "E: Version '9.9' for 'openssl:amd64' was not found",
      'E: Unable to locate package nowhere',
      "E: Package 'virtual' has no installation candidate",
      'E: Unable to correct problems, you have held broken packages.',
    ].join('\n');
    expect(parseImpossible(stdout, stderr)).toEqual([
      { package: 'openssl', because: "Version '9.9' for 'openssl:amd64' was not found" },
      { package: 'nowhere', because: 'Unable to locate package nowhere' },
      { package: 'virtual', because: "Package 'virtual' has no installation candidate" },
      { package: 'nginx', because: 'Depends: libssl3 (>= 3.1) but 3.0.22-1~deb12u2 is to be installed' },
      { package: 'libfoo', because: 'Breaks: bar but 1 is to be installed' },
    ]);
  });
});

describe('an install', () => {
  const patch = { package: 'openssl', architecture: 'amd64', from: '3.0.20-1', to: '3.0.22-1' };
  const order = { kind: 'install', patches: [patch], allowRemove: ['old'], limitMinutes: 10 } as const;
  const simulated = { installs: [{ ...patch, origins: [] }], removes: [], downgrades: [], heldChanged: [] };
  const planned = { specifications: [], simulation: simulated, impossible: [] };

  test('is objected to when anything but the plan would happen', () => {
    expect(objection(order, planned)).toBeNull();
    expect(objection(order, { ...planned, simulation: { ...simulated, removes: ['old'] } })).toBeNull();
    const cases = [
      [{ ...planned, simulation: { ...simulated, removes: ['old', 'other'] } }, 'remove other'],
      [{ ...planned, simulation: { ...simulated, downgrades: ['openssl'] } }, 'downgrade openssl'],
      [{ ...planned, impossible: [{ package: 'openssl', because: 'not found' }] }, 'openssl cannot be installed'],
      [
        { ...planned, simulation: { ...simulated, installs: [{ ...patch, to: '3.0.23-1', origins: [] }] } },
        'openssl 3.0.23-1, which is not in the plan',
      ],
    ] as const;
    for (const [beyond, words] of cases) expect(objection(order, beyond)).toContain(words);
  });

  test('is told to download nothing, never to downgrade, and to remove only when that was allowed', () => {
    const told = installArguments(['openssl:amd64=3.0.22-1'], { allowRemove: [], limitMinutes: 10 }, []);
    expect(told).toEqual(expect.arrayContaining(['--no-download', '--no-remove', '-oDpkg::Use-Pty=0']));
    expect(told.join(' ')).not.toMatch(/allow-downgrades|force-unsafe-io|allow-remove|force-yes/);
    expect(installArguments([], order, [])).not.toContain('--no-remove');
  });

  test('names packages as apt does', () => {
    expect(specificationOf(patch)).toBe('openssl:amd64=3.0.22-1');
    expect(specificationOf({ ...patch, architecture: 'all' })).toBe('openssl=3.0.22-1');
    expect(archiveName('libcap2', '1:2.66-4+b1', 'amd64')).toBe('libcap2_1%3a2.66-4+b1_amd64.deb');
  });
});

describe("the package manager's output", () => {
  test('puts at fault what failed, not what only waits for it', () => {
    const waiting = recorded('dpkg-dependency-errors.txt');
    expect(packagesAtFault(waiting)).toEqual([]);
    const failed = [
      'Setting up nginx (1.22.1-9) ...',
      'dpkg: error processing package nginx (--configure):',
      ' installed nginx package post-installation script subprocess returned error exit status 1',
      'dpkg: error processing archive /var/cache/patchcycle/archives/libfoo_1%3a2-1_amd64.deb (--unpack):',
      ' trying to overwrite /usr/bin/x',
      'E: Sub-process /usr/bin/dpkg returned an error code (1)',
    ].join('\n');
    expect(packagesAtFault(`${waiting}${failed}`)).toEqual(['nginx', 'libfoo']);
    expect(complaints(failed)).toContain('post-installation script subprocess returned error exit status 1');
  });

  test('says who holds the lock that is waited for', () => {
    const waiting =
      'Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (apt-get)...';
    expect(lockHolder(waiting)).toBe('process 812 (apt-get)');
    expect(describeDoing(`Reading package lists...\n${waiting}\n`)).toBe(
      'It waits for the package manager, which process 812 (apt-get) holds.',
    );
  });

  test('tells where a run that hangs is hanging', () => {
    expect(packageInWork('Unpacking libssl3:amd64 (3) over (2) ...\nSetting up hangs (2.0) ...\n')).toBe('hangs');
    expect(packageInWork('Preparing to unpack .../0-tzdata_2026f-0_all.deb ...\n')).toBe('tzdata');
    expect(packageInWork('Reading package lists...\n')).toBeNull();
  });

  test('is cut down to what it complained of', () => {
    const ran = { code: 100, stdout: 'Hit:1\n', stderr: 'W: some index\nE: Unable to fetch\nE: Failed\n' };
    expect(complaint(ran)).toBe('Unable to fetch; Failed; some index');
  });
});

describe('the archives', () => {
  test('say source, version and size of a package', () => {
    const [openssl] = parseStanzas(recorded('apt-cache-show.openssl.txt'));
    expect(openssl?.get('Size')).toBe('1441784');
    expect(sourceOf(openssl!)).toEqual({ source: 'openssl', sourceVersion: '3.0.22-1~deb12u2' });
    const [rebuilt] = parseStanzas('Package: libbrotli1\nSource: brotli (1.0.9-2)\nVersion: 1.0.9-2+b6\n');
    expect(sourceOf(rebuilt!)).toEqual({ source: 'brotli', sourceVersion: '1.0.9-2' });
  });

  test('own their packages, superseded versions included; the others are applications', () => {
    const archives = distributionArchives(
      [
        ' 100 /var/lib/dpkg/status',
        '     release a=now',
        ' 500 http://tools.example lab/main amd64 Packages',
        '     release o=Somebody,a=lab,n=lab,c=main,b=amd64',
        '     origin tools.example',
        ' 500 http://archive.example/debian bookworm/main amd64 Packages',
        '     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64',
        '     origin archive.example',
      ].join('\n'),
    );
    expect([...archives]).toEqual(['http://archive.example/debian bookworm/main amd64 Packages']);
    const policy = [
      'openssl:',
      '  Installed: 3.0.20-1',
      '  Version table:',
      '     3.0.22-1 500',
      '        500 http://archive.example/debian bookworm/main amd64 Packages',
      ' *** 3.0.20-1 100',
      '        100 /var/lib/dpkg/status',
      'tool:',
      '  Installed: 1.0',
      '  Version table:',
      ' *** 1.0 500',
      '        500 http://tools.example lab/main amd64 Packages',
      '        100 /var/lib/dpkg/status',
    ].join('\n');
    expect([...ownedByDistribution(policy, archives)]).toEqual(['openssl']);
  });
});

test('a changelog is read entry by entry, the latest first', () => {
  const entries = parseChangelog(recorded('openssl.changelog'));
  expect(entries[0]).toMatchObject({
    version: '3.0.22-1~deb12u2',
    distribution: 'bookworm-security',
    urgency: 'high',
    datedAt: '2026-10-21T09:54:24.000Z',
  });
  expect(entries[0]?.text).toMatch(/^\* Non-maintainer upload[\s\S]*CVE-2026-77696/);
  expect(entries.map((entry) => entry.version).slice(0, 2)).toEqual(['3.0.22-1~deb12u2', '3.0.22-1~deb12u1']);
  expect(parseChangelog('x (1) unstable; urgency=low\n\n  * y\n\n -- Z <z@z>  sometime\n')).toMatchObject([
    { datedAt: '1970-01-01T00:00:00.000Z' },
  ]);
});

describe("dpkg's database", () => {
  test('counts as installed only what is wholly installed', () => {
    const text = [
      'libssl3:amd64\tlibssl3\t3.0.22-1\tamd64\topenssl\t3.0.22-1\tii ',
      'held\theld\t1\tall\theld\t1\thi ',
      'half\thalf\t2\tall\thalf\t2\tiF ',
      'gone\tgone\t1\tall\tgone\t1\trc ',
      'broken\tbroken\t1\tall\tbroken\t1\tiiR',
    ].join('\n');
    const packages = parsePackages(text);
    expect(packages.filter(isInstalled).map((each) => each.name)).toEqual(['libssl3:amd64', 'held']);
    expect(packages.find((each) => each.mustBeReinstalled)?.name).toBe('broken');
  });

  test('an altered file counts, a changed conffile and missing documentation do not', () => {
    const text = [
      '??5??????   /usr/bin/openssl',
      '??5?????? c /etc/nginx/nginx.conf',
      'missing     /usr/lib/libx.so.1',
      'missing     /usr/share/doc/x/copyright',
      'missing   c /etc/x.conf',
      'missing     /usr/lib/y (Permission denied)',
    ].join('\n');
    expect(parseVerified(text)).toEqual(['/usr/bin/openssl', '/usr/lib/libx.so.1', '/usr/lib/y']);
  });
});

describe('replaced files', () => {
  const map = (path: string, inode = 42) => `7f0000-7f1000 r-xp 00000000 00:1f ${inode}${' '.repeat(20)}${path}`;

  test('are found in the maps of a process, scratch and shared memory are not', () => {
    expect(replacedFile(map('/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)'))).toBe(
      '/usr/lib/x86_64-linux-gnu/libssl.so.3',
    );
    const harmless = [
      map('/usr/lib/x86_64-linux-gnu/libssl.so.3'),
      map('/dev/zero (deleted)'),
      map('/memfd:x (deleted)'),
      map('/SYSV00000000 (deleted)', 0),
      map('/tmp/scratch (deleted)'),
      map('/run/systemd/x (deleted)'),
      '7ffd000-7ffe000 rw-p 00000000 00:00 0   [stack]',
    ].join('\n');
    expect(replacedFile(harmless)).toBeNull();
  });

  test.each([
    ['0::/system.slice/nginx.service', 'nginx.service'],
    ['5:pids:/x\n1:name=systemd:/payload/system.slice/cron.service\n0::/', 'cron.service'],
    ['0::/system.slice/system-getty.slice/getty@tty1.service', 'getty@tty1.service'],
    ['0::/system.slice/nginx.service/workers', 'nginx.service'],
    ['0::/user.slice/user-0.slice/user@0.service/init.scope', null],
    ['0::/init.scope', null],
  ])('belong to the service that %j names', (cgroup, service) => {
    expect(serviceOf(cgroup)).toBe(service);
  });

  test('ask for a restart of services, and for a reboot where there is no restart', () => {
    const file = '/usr/lib/libssl.so.3';
    const stale = [
      { pid: 1, service: null, file },
      { pid: 20, service: 'dbus.service', file },
      { pid: 31, service: 'nginx.service', file },
      { pid: 30, service: 'nginx.service', file },
      { pid: 40, service: 'getty@tty1.service', file },
      { pid: 50, service: null, file },
    ];
    expect(staleServices(stale)).toEqual(['nginx.service']);
    expect(rebootReasons(stale)).toEqual([
      `systemd (PID 1) runs on ${file}, which was replaced`,
      `dbus.service runs on ${file}, which was replaced`,
    ]);
  });
});

describe('a reboot is due for a kernel', () => {
  test('that is newer than the one that runs', () => {
    expect(newerKernels('6.1.0-38-amd64', ['6.1.0-9-amd64', '6.1.0-40-amd64'])).toEqual([
      'kernel 6.1.0-40-amd64 is installed, 6.1.0-38-amd64 runs',
    ]);
    expect(newerKernels('6.1.0-40-amd64', ['6.1.0-9-amd64', '6.1.0-40-amd64'])).toEqual([]);
    expect(newerKernels('6.1.0-40-amd64', [])).toEqual([]);
  });

  test('that was built again under the same name', () => {
    const line = 'linux-image-6.1.0-40-amd64\tlinux-image-6.1.0-40-amd64\t6.1.153-2\tamd64\tlinux\t6.1.153-2\tii ';
    const packages = parsePackages(line);
    const built = '#1 SMP PREEMPT_DYNAMIC Debian 6.1.153-1 (2025-09-20)';
    expect(rebuiltKernel('6.1.0-40-amd64', built, packages)).toEqual([
      'kernel 6.1.0-40-amd64 is installed at 6.1.153-2, 6.1.153-1 runs',
    ]);
    expect(rebuiltKernel('6.1.0-40-amd64', built.replace('153-1', '153-2'), packages)).toEqual([]);
  });
});

describe('systemd', () => {
  test('tells a service that is started again and again from one that was given up', () => {
    const units = parseUnits(
      [
        'cron.service loaded active running Regular background program',
        'crash.service loaded activating auto-restart Crash',
        'old.service not-found inactive dead old.service',
        'broken.service loaded failed failed Broken',
        'static.service loaded active running Static',
      ].join('\n'),
    );
    expect(chooseServices(['cron.service', 'crash.service', 'getty@.service', 'off.service'], units)).toEqual([
      { service: 'broken.service', state: 'failed' },
      { service: 'crash.service', state: 'restarting' },
      { service: 'cron.service', state: 'running' },
      { service: 'off.service', state: 'stopped' },
    ]);
  });

  test('says which other updaters there are, and which are on', () => {
    const shown = [
      'Id=apt-daily-upgrade.timer\nLoadState=loaded\nActiveState=active\n',
      'Id=apt-daily.timer\nLoadState=not-found\nActiveState=inactive\n',
    ].join('\n');
    expect(parseTimers(shown)).toEqual([{ name: 'apt-daily-upgrade.timer', on: true }]);
  });
});

test('os-release is read with and without quotes', () => {
  expect(
    parseOsRelease('PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'),
  ).toEqual({
    id: 'debian',
    version: '12',
    codename: 'bookworm',
  });
});
