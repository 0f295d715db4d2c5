/** The two commands by which a provider prepares sites and endpoints of its own, against servers of its own. */
import { X509Certificate, createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { enrolmentActivities } from '../../activities/control/enrolment.ts';
import { agentConfigurationSchema } from '../../protocol/enrolment.ts';
import { newCertificateRequest } from '../../fleets/simulated/certificate-request.ts';
import { applyClient } from '../../operator/apply.ts';
import { enrolByHand, makeSiteIdentity, readAuthorityCertificate } from '../../operator/enrolment.ts';
import { createTestDatabase } from '../setup/database.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { runCommand, succeed } from '../setup/stack/command.ts';
import { exampleFiles } from '../setup/record/applied-client.ts';
import { openDatabase, tenantsOf } from '../../record/database.ts';

test('a site’s identity is five files for its worker alone, by the authority of the provider', async () => {
  const folder = temporaryFolder();
  const [authorityFolder, output] = [join(folder, 'authority'), join(folder, 'berlin')];
  const identify = ['site', 'identity', 'berlin.acme', '--output', output, '--enrolment', '10.0.0.2'];
  const first = succeed(await runCommand(identify, { PATCHCYCLE_AUTHORITY: authorityFolder }), 'site identity');
  expect(first.out).toContain(`Made a new certificate authority in ${authorityFolder}`);
  expect(first.out).toContain(`PATCHCYCLE_IDENTITY=${output}`);
  const names = ['authority.pem', 'certificate.pem', 'enrolment-certificate.pem', 'enrolment-key.pem', 'key.pem'];
  expect(readdirSync(output).toSorted()).toEqual(names);
  for (const name of names) expect(statSync(join(output, name)).mode & 0o777, name).toBe(0o600);

  const read = (name: string) => readFileSync(join(output, name), 'utf8');
  const authority = new X509Certificate(readFileSync(join(authorityFolder, 'authority.pem')));
  expect(read('authority.pem')).toBe(readFileSync(join(authorityFolder, 'authority.pem'), 'utf8'));
  const worker = new X509Certificate(read('certificate.pem'));
  expect(worker.subject).toBe('CN=control.berlin.acme');
  expect(worker.verify(authority.publicKey)).toBe(true);
  const enrolment = new X509Certificate(read('enrolment-certificate.pem'));
  expect(enrolment.checkIP('10.0.0.2')).toBe('10.0.0.2');
  expect(enrolment.verify(authority.publicKey)).toBe(true);

  const again = { siteId: 'berlin.acme', host: 'enrol.berlin.acme.example' };
  expect(await makeSiteIdentity(authorityFolder, output, again)).toMatchObject({ madeAuthority: false });
  expect(new X509Certificate(read('certificate.pem')).verify(authority.publicKey)).toBe(true);
  expect(new X509Certificate(read('enrolment-certificate.pem')).checkHost('enrol.berlin.acme.example')).toBeDefined();
});

test('a site’s identity is not made without the authority’s key, its name or a host', async () => {
  const folder = temporaryFolder();
  const [authorityFolder, output] = [join(folder, 'authority'), join(folder, 'berlin')];
  const told = await runCommand(['site', 'identity', 'berlin.acme', '-o', output, '--enrolment', '10.0.0.2'], {});
  expect(told).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/PATCHCYCLE_AUTHORITY/) });
  const refused = async (siteId: string, host: string, words: RegExp) => {
    const asked = makeSiteIdentity(authorityFolder, output, { siteId, host });
    await expect(asked).rejects.toMatchObject({ name: 'InvalidRequest', message: expect.stringMatching(words) });
    expect(existsSync(output)).toBe(false);
  };
  await refused('berlin', '10.0.0.2', /like berlin\.acme/);
  await refused('berlin.acme', '10.0.0.2:7444', /is no host/);
  expect(existsSync(authorityFolder)).toBe(false);
  await openAuthority(authorityFolder);
  rmSync(join(authorityFolder, 'authority-key.pem'));
  await refused('berlin.acme', '10.0.0.2', /without its key/);
  expect(readdirSync(authorityFolder)).toEqual(['authority.pem']);
});

test('an endpoint that is prepared by hand enrols with what the command prints, once', async () => {
  const { tenants, clientId, wish, authorityFolder, enrol } = await prepared();
  const { name } = wish;
  const db = tenants.forClient(clientId);
  const authority = await openAuthority(authorityFolder);
  const told = succeed(await enrol(name), 'endpoint enrol');
  expect(told.err).toContain('/etc/patchcycle/agent.json');
  const configuration = agentConfigurationSchema.parse(JSON.parse(told.out));
  expect(configuration).toMatchObject({
    listen: { host: '10.0.0.7', port: 7443 },
    stateDirectory: '/var/lib/patchcycle',
    caller: `control.berlin.${clientId}`,
    enrolment: { url: 'https://10.0.0.2:7444/v1/enrol', authority: await authority.certificate() },
  });
  const token = configuration.enrolment?.token ?? '';
  const tokenDigest = createHash('sha256').update(token).digest('hex');
  const [kept, ...others] = await db.enrolmentToken.findMany();
  expect(others).toEqual([]);
  expect(kept).toMatchObject({ tokenDigest, endpointId: `${name}.${clientId}`, usedAt: null });
  expect(JSON.stringify(kept)).not.toContain(token);
  expect((kept?.expiresAt.getTime() ?? 0) - (kept?.createdAt.getTime() ?? 0)).toBe(3_600_000);
  expect((await db.endpoint.findFirst({ where: { name } }))?.address).toEqual(configuration.listen);

  const enrolment = enrolmentActivities({ tenants, authority });
  const ask = async () => {
    const { request: certificateRequest } = await newCertificateRequest();
    return enrolment.enrol({ siteId: `berlin.${clientId}`, tokenDigest, certificateRequest });
  };
  expect(await ask()).toMatchObject({ endpointId: `${name}.${clientId}` });
  await expect(ask()).rejects.toMatchObject({ code: 'EnrolmentRefused' });
});

test('an endpoint keeps its generation when it is enrolled again, unless its machine was rebuilt', async () => {
  const { tenants, clientId, wish, enrol } = await prepared();
  const db = tenants.forClient(clientId);
  const { name } = wish;
  const enrolledAt = new Date();
  await db.endpoint.updateMany({ where: { name }, data: { generation: 3, enrolledAt } });
  const now = () => db.endpoint.findFirst({ where: { name }, select: { generation: true, enrolledAt: true } });
  await enrolByHand({ tenants }, { ...wish, authority: 'PEM' });
  expect(await now()).toEqual({ generation: 3, enrolledAt });
  succeed(await enrol(name, '--rebuilt'), 'endpoint enrol --rebuilt');
  expect(await now()).toEqual({ generation: 1, enrolledAt: null });
});

test('an endpoint that nobody applied, an address that cannot be, and a missing authority change nothing', async () => {
  const { tenants, clientId, wish, authorityFolder, enrol } = await prepared();
  const told = await enrol('berlin-web-9');
  expect(told).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/no endpoint berlin-web-9/) });
  const refused = async (words: RegExp, wrong: Partial<typeof wish>) => {
    const asked = enrolByHand({ tenants }, { ...wish, authority: 'PEM', ...wrong });
    await expect(asked).rejects.toMatchObject({ name: 'InvalidRequest', message: expect.stringMatching(words) });
  };
  await refused(/is no address/, { address: '10.0.0.7:https' });
  await refused(/is no address/, { address: '10.0.0.7:70000' });
  await refused(/is no URL to enrol at/, { url: 'http://10.0.0.2:7444' });
  await tenants.forClient(clientId).endpoint.updateMany({ data: { retiredAt: new Date() } });
  await refused(/no endpoint/, {});
  rmSync(authorityFolder, { recursive: true });
  await expect(readAuthorityCertificate(authorityFolder)).rejects.toThrow(/holds no certificate authority/);
  expect(existsSync(authorityFolder)).toBe(false);
  expect(await tenants.forClient(clientId).enrolmentToken.count()).toBe(0);
});

/** The example client on a database of the test, an authority, and the command as its provider has it. */
async function prepared() {
  const { url, drop } = await createTestDatabase();
  const database = openDatabase(url);
  onTestFinished(async () => {
    await database.$disconnect();
    await drop();
  });
  const [tenants, files] = [tenantsOf(database), await exampleFiles()];
  await applyClient(tenants, files, 'dana');
  const authorityFolder = join(temporaryFolder(), 'authority');
  await openAuthority(authorityFolder);
  const environment = {
    DATABASE_URL: url,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    PATCHCYCLE_AUTHORITY: authorityFolder,
  };
  const clientId = files.client.id;
  const name = files.endpoints.find(({ siteId }) => siteId === 'berlin')?.name ?? '';
  const wish = { clientId, name, address: '10.0.0.7', url: 'https://10.0.0.2:7444', rebuilt: false };
  const where = ['--address', wish.address, '--enrolment-url', wish.url];
  const enrol = (endpoint: string, ...more: string[]) =>
    runCommand(['endpoint', 'enrol', endpoint, ...where, ...more], environment);
  return { tenants, clientId, wish, authorityFolder, enrol };
}
