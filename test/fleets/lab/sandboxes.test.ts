import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { endOf, run } from '../../../activities/adapters/command.ts';
import { labSandboxes, type SandboxPlace } from '../../../activities/adapters/sandboxes/lab.ts';
import type { SandboxPort } from '../../../activities/ports/sandboxes.ts';
import { writeAgentConfiguration } from '../../../fleets/lab/endpoint.ts';
import { labStatus } from '../../../fleets/lab/lab.ts';
import { layoutOf } from '../../../fleets/lab/layout.ts';
import { execIn } from '../../../fleets/lab/machine.ts';
import { commandInNamespace, namespacesWith } from '../../../fleets/lab/network.ts';
import { labSandboxPlace } from '../../../fleets/lab/places.ts';
import { until } from '../../../fleets/lab/until.ts';
import { describeInLab } from '../../setup/lab/in-lab.ts';

const sandboxId = 'sandbox/acme/e1 2026-11-22';

describeInLab('sandboxes in the lab', { sites: 1, endpoints: 2 }, (directory) => {
  let place: SandboxPlace;
  let sandboxes: SandboxPort;
  let request: string;
  let original: string;
  const clone = (): string => join(place.folder, encodeURIComponent(sandboxId), 'root');

  beforeAll(async () => {
    place = labSandboxPlace(directory);
    sandboxes = labSandboxes(place);
    original = place.rootOf('e1');
    const enrolment = { url: 'https://10.77.1.1:7444', authority: 'PEM', token: 'a token that works once only' };
    const listen = { host: '0.0.0.0', port: 7443 };
    const stated = { listen, stateDirectory: '/var/lib/patchcycle', caller: 'control.north.acme' };
    await writeAgentConfiguration(directory, 'e1', { ...stated, enrolment });
    await mkdir(join(original, 'var/lib/patchcycle/ledger'));
    await writeFile(join(original, 'var/lib/patchcycle/ledger/operation'), '');
    await writeFile(join(original, 'var/lib/patchcycle/key.pem'), 'the original’s key');
    await writeFile(join(original, 'var/lib/patchcycle/generation'), '7\n');
    await mkdir(join(original, 'etc/ssh'));
    await writeFile(join(original, 'etc/ssh/ssh_host_ed25519_key'), 'the original’s key');
  });

  it('prepares a clone that is not the original, and gives a request for a key that stays inside', async () => {
    ({ certificateRequest: request } = await sandboxes.prepare('e1', sandboxId));
    expect(await run(['openssl', 'req', '-noout', '-verify', '-subject'], { input: request })).toMatch(/CN = sandbox-/);
    const state = join(clone(), 'var/lib/patchcycle');
    expect(readdirSync(state).toSorted()).toEqual(['generation', 'key.pem']);
    expect(readFileSync(join(state, 'generation'), 'utf8')).toBe('1\n');
    expect(readFileSync(join(state, 'key.pem'), 'utf8')).toContain('PRIVATE KEY');
    const configuration = readFileSync(join(clone(), 'etc/patchcycle/agent.json'), 'utf8');
    expect(JSON.parse(configuration)).toEqual({
      listen: { host: '0.0.0.0', port: 7443 },
      stateDirectory: '/var/lib/patchcycle',
      caller: 'control.north.acme',
    });
    expect(readdirSync(join(clone(), 'etc/ssh'))).toEqual([]);
    expect(readdirSync(join(clone(), 'var/log/journal'))).toEqual([]);
    for (const timer of ['apt-daily.timer', 'apt-daily-upgrade.timer']) {
      expect(readlinkSync(join(clone(), 'etc/systemd/system', timer))).toBe('/dev/null');
    }
    for (const identity of ['etc/machine-id', 'etc/hostname']) {
      expect(readFileSync(join(clone(), identity), 'utf8')).not.toBe(readFileSync(join(original, identity), 'utf8'));
    }
    expect(readFileSync(join(original, 'var/lib/patchcycle/key.pem'), 'utf8')).toBe('the original’s key');
  });

  it('prepares the same sandbox once', async () => {
    expect(await sandboxes.prepare('e1', sandboxId)).toEqual({ certificateRequest: request });
    expect(await sandboxes.list()).toEqual([sandboxId]);
    await expect(sandboxes.prepare('e2', sandboxId)).rejects.toThrow('is a clone of e1');
  });

  it('prepares clones for the workers of several sites at once, none in the way of another', async () => {
    const workers = ['e1', 'e2'].map((endpointId) => ({
      endpointId,
      beside: `sandbox/acme/${endpointId} beside`,
      driver: labSandboxes(labSandboxPlace(directory)),
    }));
    await Promise.all(workers.map(({ endpointId, beside, driver }) => driver.prepare(endpointId, beside)));
    const both = workers.map(({ beside }) => beside);
    expect((await sandboxes.list()).toSorted()).toEqual([sandboxId, ...both].toSorted());
    for (const { beside, driver } of workers) await driver.destroy(beside);
  });

  it('boots it with its certificate on a network that leads nowhere, and its agent is reached by a socket', async () => {
    const identity = await certify(request);
    // Stands for the agent: it says over TLS who it is. Without -www it ends as soon as its input does, which is at once.
    const server = ['openssl', 's_server', '-www', '-accept', '7443', '-cert', 'certificate.pem', '-key', 'key.pem'];
    const service = `[Service]\nWorkingDirectory=/var/lib/patchcycle\nExecStart=${server.join(' ')}\n`;
    await writeFile(join(clone(), 'etc/systemd/system/stand-in.service'), service);
    await mkdir(join(clone(), 'etc/systemd/system/multi-user.target.wants'), { recursive: true });
    await run(['ln', '-s', '../stand-in.service', join(clone(), 'etc/systemd/system/multi-user.target.wants/')]);

    const agent = await sandboxes.start(sandboxId, identity);
    expect(await sandboxes.start(sandboxId, identity)).toEqual(agent);
    expect(agent.endpointId).toBe(sandboxId);
    const socketPath = 'socketPath' in agent.address ? agent.address.socketPath : '';
    expect(socketPath.length).toBeLessThan(100);
    let shown = '';
    const answers = async (): Promise<boolean> => {
      shown = (await endOf(['openssl', 's_client', '-unix', socketPath], { input: '' })).stdout;
      return shown.includes('BEGIN CERTIFICATE');
    };
    await until('the clone answers', answers, 30_000);
    expect(shown).toContain(identity.certificate.trim());

    const [namespace = ''] = namespacesWith(`patchcycle-${layoutOf(directory).hash}-sandbox-`);
    const routes = await run(['ip', '-n', namespace, '-4', 'route']);
    expect(routes.trim().split('\n')).toEqual([expect.stringMatching(/^10\.77\.1\.0\/24 dev eth0/)]);
    const reach = async (from: string, address: string): Promise<number | null> =>
      (await endOf([...commandInNamespace(from), 'curl', '-s', '--max-time', '4', `http://${address}:3142/`])).status;
    const [site = ''] = namespacesWith(`patchcycle-${layoutOf(directory).hash}-site-`);
    expect(await reach(site, '10.77.1.1')).toBe(0);
    // curl(1): 7, failed to connect; 28, timed out.
    for (const address of ['10.77.1.1', '10.77.1.12']) expect([7, 28]).toContain(await reach(namespace, address));
    expect((await execIn(directory, 'e1', ['true'])).status).toBe(0);
  });

  it('destroys it whole, also twice, and the original runs on', async () => {
    await sandboxes.destroy(sandboxId);
    await sandboxes.destroy(sandboxId);
    expect(await sandboxes.list()).toEqual([]);
    expect(existsSync(clone())).toBe(false);
    expect(namespacesWith(`patchcycle-${layoutOf(directory).hash}-sandbox-`)).toEqual([]);
    expect(labStatus(directory).endpoints[0]?.power).toBe('on');
    expect(readFileSync(join(original, 'var/lib/patchcycle/generation'), 'utf8')).toBe('7\n');
    await expect(sandboxes.start(sandboxId, { certificate: '', authority: '' })).rejects.toThrow('prepare it first');
  });
});

/** A certificate for the request, signed by an authority made for this test. */
async function certify(request: string): Promise<{ readonly certificate: string; readonly authority: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'patchcycle-authority-'));
  try {
    const [key, authorityFile] = [join(folder, 'key.pem'), join(folder, 'authority.pem')];
    const made = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=test', '-keyout', key, '-out', authorityFile];
    await run(['openssl', 'req', ...made]);
    const certificate = await run(['openssl', 'x509', '-req', '-CA', authorityFile, '-CAkey', key, '-days', '1'], {
      input: request,
    });
    expect(new X509Certificate(certificate).issuer).toBe('CN=test');
    return { certificate, authority: readFileSync(authorityFile, 'utf8') };
  } finally {
    await rm(folder, { recursive: true });
  }
}
