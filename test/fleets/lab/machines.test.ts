import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { endOf, run } from '../../../activities/adapters/command.ts';
import { labStatus, labUp, type EndpointStatus } from '../../../fleets/lab/lab.ts';
import { endpointNamespace, layoutOf, siteNamespace } from '../../../fleets/lab/layout.ts';
import { execIn, power } from '../../../fleets/lab/machine.ts';
import { commandInSite, openPassage } from '../../../fleets/lab/passage.ts';
import { publish } from '../../../fleets/lab/repository.ts';
import { plugUnmanaged } from '../../../fleets/lab/unmanaged.ts';
import { until } from '../../../fleets/lab/until.ts';
import { temporaryFolder } from '../../setup/folder.ts';
import { describeInLab } from '../../setup/lab/in-lab.ts';

const options = { sites: 2, endpoints: 3 } as const;

describeInLab('the lab', options, (directory) => {
  const inside = async (name: string, ...argv: readonly string[]): Promise<string> => {
    const end = await execIn(directory, name, argv);
    if (end.status !== 0) throw new Error(`${argv.join(' ')} in ${name} ended with ${end.status}: ${end.stderr}`);
    return end.stdout.trim();
  };
  const bootId = (name: string): Promise<string> => inside(name, 'cat', '/proc/sys/kernel/random/boot_id');
  const statusOf = (name: string): EndpointStatus | undefined =>
    labStatus(directory).endpoints.find((endpoint) => endpoint.name === name);
  const initPidAs = (name: string): number | null => statusOf(name)?.initPid ?? null;

  it('has every endpoint booted, as a machine of its own', async () => {
    const { endpoints } = labStatus(directory);
    expect(endpoints.map(({ name, site, address, power }) => [name, site, address, power])).toEqual([
      ['e1', 'site-1', '10.77.1.11', 'on'],
      ['e2', 'site-2', '10.77.2.11', 'on'],
      ['e3', 'site-1', '10.77.1.12', 'on'],
    ]);
    for (const { name, rootDirectory, initPid } of endpoints) {
      expect(readFileSync(join(rootDirectory, 'etc/hostname'), 'utf8')).toBe(`${name}\n`);
      expect(readFileSync(`/proc/${initPid}/comm`, 'utf8')).toBe('systemd\n');
      expect(await inside(name, 'systemctl', 'is-system-running')).toBe('running');
    }
    const machineIds = await Promise.all(endpoints.map(({ name }) => inside(name, 'cat', '/etc/machine-id')));
    expect(new Set(machineIds).size).toBe(3);
  });

  it('has security updates pending that apt names by their archive', async () => {
    await inside('e1', 'apt-get', 'update', '-o', 'APT::Update::Error-Mode=any');
    const planned = await inside('e1', 'apt-get', '--simulate', 'upgrade');
    const pending = planned.split('\n').filter((line) => line.startsWith('Inst ') && line.includes('Debian-Security:'));
    expect(pending.length).toBeGreaterThan(10);
  });

  it('gives an endpoint that reboots a new boot id and the same place', async () => {
    const before = await bootId('e1');
    const init = initPidAs('e1');
    await execIn(directory, 'e1', ['systemctl', 'reboot']);
    await until('e1 has another first process', () => ![null, init].includes(initPidAs('e1')), 20_000);
    await power(directory, 'e1', 'on');
    expect(await bootId('e1')).not.toBe(before);
    expect(await inside('e1', 'hostname')).toBe('e1');
  });

  it.each(['off', 'cut'] as const)('switches an endpoint %s and on again', async (order) => {
    const before = await bootId('e3');
    await power(directory, 'e3', order);
    expect(labStatus(directory).endpoints[2]).toMatchObject({ power: 'off', initPid: null });
    await expect(execIn(directory, 'e3', ['true'])).rejects.toThrow('e3 is off');
    expect(statusOf('e1')?.power).toBe('on');
    await power(directory, 'e3', 'on');
    expect(await bootId('e3')).not.toBe(before);
  });

  it('shuts down cleanly when it is switched off, and not when the plug is pulled', async () => {
    const unit =
      '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/touch /var/stopped\n';
    const root = labStatus(directory).endpoints[2]?.rootDirectory ?? '';
    writeFileSync(join(root, 'etc/systemd/system/witness.service'), `${unit}[Install]\nWantedBy=multi-user.target\n`);
    await inside('e3', 'systemctl', 'enable', '--now', 'witness.service');
    await power(directory, 'e3', 'cut');
    expect(existsSync(join(root, 'var/stopped'))).toBe(false);
    await power(directory, 'e3', 'on');
    await power(directory, 'e3', 'off');
    expect(existsSync(join(root, 'var/stopped'))).toBe(true);
    await power(directory, 'e3', 'on');
  });

  it('shows published packages to apt inside, the newer one at once', async () => {
    const [first, second, other] = [deb('witness', '1'), deb('witness', '2'), deb('witness', '2', 'other content')];
    await publish(directory, [first]);
    await inside('e1', 'apt-get', 'update');
    expect(await inside('e1', 'apt-cache', 'policy', 'witness')).toContain('Candidate: 1');
    await inside('e1', 'apt-get', 'install', '-y', 'witness');
    await publish(directory, [second]);
    await publish(directory, [second]);
    await expect(publish(directory, [other])).rejects.toThrow('published already with other content');
    await inside('e1', 'apt-get', 'update');
    expect(await inside('e1', 'apt-cache', 'policy', 'witness')).toMatch(/Installed: 1\n\s+Candidate: 2/);
  });

  it('lets no site reach another, nor anything outside', async () => {
    const lab = layoutOf(directory);
    const host = hostAddress();
    for (const namespace of [siteNamespace(lab, 'site-1'), endpointNamespace(lab, 'e1')]) {
      const routes = await run(['ip', '-n', namespace, '-4', 'route']);
      expect(routes.trim().split('\n')).toEqual([expect.stringMatching(/^10\.77\.1\.0\/24 dev \S+ proto kernel/)]);
    }
    for (const target of ['10.77.2.11', '10.77.2.1', ...(host === null ? [] : [host])]) {
      const asked = await execIn(directory, 'e1', ['curl', '--silent', '--max-time', '2', `http://${target}/`]);
      // curl(1): 7, failed to connect; 28, timed out.
      expect([7, 28]).toContain(asked.status);
      const fromSite = [...commandInSite(directory, 'site-1'), 'curl', '-s', '--max-time', '2', `http://${target}/`];
      expect([7, 28]).toContain((await endOf(fromSite)).status);
    }
    const throughCache = [
      'curl',
      '--silent',
      '--output',
      '/dev/null',
      '--write-out',
      '%{http_code}',
      '--max-time',
      '5',
    ];
    const asked = await execIn(directory, 'e1', [
      ...throughCache,
      '-x',
      'http://10.77.1.1:3142',
      'http://example.org/',
    ]);
    expect(asked.stdout).toBe('403');
  });

  it('opens a passage to one port of this machine, the same for every site', async () => {
    const servers = await Promise.all(['one', 'two'].map((words) => answering(words)));
    const [one, two] = servers.map(({ port }) => port);
    const ask = (site: string, port = 0): Promise<{ stdout: string }> =>
      endOf([
        ...commandInSite(directory, site),
        'curl',
        '-s',
        '--http0.9',
        '--max-time',
        '2',
        `http://127.0.0.1:${port}/`,
      ]);
    try {
      await openPassage(directory, { hostPort: one ?? 0 });
      await openPassage(directory, { hostPort: one ?? 0 });
      for (const site of ['site-1', 'site-2']) expect((await ask(site, one)).stdout).toBe('one');
      expect((await ask('site-1', two)).stdout).toBe('');
      await openPassage(directory, { hostPort: two ?? 0 });
      expect((await ask('site-1', two)).stdout).toBe('two');
      expect((await ask('site-1', one)).stdout).toBe('');
    } finally {
      for (const { close } of servers) close();
    }
  });

  it('has something on the network that nobody manages', async () => {
    await plugUnmanaged(directory, 'site-2', { address: '10.77.2.99' });
    await plugUnmanaged(directory, 'site-2', { address: '10.77.2.99' });
    const scan = await run([...commandInSite(directory, 'site-2'), 'nmap', '-sn', '-n', '10.77.2.0/24']);
    for (const address of ['10.77.2.1', '10.77.2.11', '10.77.2.99']) expect(scan).toContain(`for ${address}\n`);
  });

  it('stops an endpoint that fills its quota, and no other', async () => {
    const { rootDirectory } = labStatus(directory).endpoints[2] ?? { rootDirectory: '' };
    expect((await endOf(['btrfs', 'qgroup', 'show', '-r', '--raw', rootDirectory])).stderr).not.toContain(
      'inconsistent',
    );
    const fill = await execIn(directory, 'e3', ['fallocate', '--length', '4G', '/var/fill']);
    expect(fill.stderr).toContain('Disk quota exceeded');
    await inside('e1', 'dd', 'if=/dev/zero', 'of=/var/small', 'bs=1M', 'count=1', 'status=none');
  });

  it('is brought up again over what stands, and refuses to become another lab', async () => {
    const before = labStatus(directory);
    await labUp({ directory, ...options });
    expect(labStatus(directory)).toEqual(before);
    await expect(labUp({ directory, sites: 2, endpoints: 4 })).rejects.toThrow('take it down first');
  });
});

/** The address by which this machine is reached from outside; null when it has none. */
function hostAddress(): string | null {
  const shown = spawnSync('ip', ['-4', '-brief', 'address', 'show', 'scope', 'global', 'up'], { encoding: 'utf8' });
  return /(\d+\.\d+\.\d+\.\d+)\//.exec(shown.stdout)?.[1] ?? null;
}

async function answering(words: string): Promise<{ readonly port: number; readonly close: () => void }> {
  const server = createServer((socket) => socket.end(words)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

/** A small package, made for this test. */
function deb(name: string, version: string, content = ''): string {
  const folder = temporaryFolder();
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true, mode: 0o755 });
  mkdirSync(join(tree, 'usr/share', name), { recursive: true });
  writeFileSync(join(tree, 'usr/share', name, 'content'), `${version}${content}\n`);
  const control = { Package: name, Version: version, Architecture: 'all', Maintainer: 'Lab <lab@localhost>' };
  const fields = Object.entries({ ...control, Description: 'made for a test' }).map(
    ([field, value]) => `${field}: ${value}`,
  );
  writeFileSync(join(tree, 'DEBIAN/control'), `${fields.join('\n')}\n`);
  const file = join(folder, `${name}_${version}.deb`);
  const built = spawnSync('dpkg-deb', ['--root-owner-group', '--build', tree, file]);
  if (built.status !== 0) throw new Error(built.stderr.toString());
  return file;
}
