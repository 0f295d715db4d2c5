/** Which token enrols which endpoint, and who has to enrol again. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openAuthority } from '../../activities/adapters/certificates/authority.ts';
import { enrolmentActivities } from '../../activities/control/enrolment.ts';
import type { ClientFiles } from '../../domain/policies/policy.ts';
import { newCertificateRequest } from '../../fleets/simulated/certificate-request.ts';
import type { Fleet } from '../../fleets/fleet.ts';
import { enrolFleet } from '../../operator/enrol-fleet.ts';
import { temporaryFolder } from '../setup/folder.ts';
import { appliedClient } from '../setup/record/applied-client.ts';

test('a token that comes through another site than its endpoint’s is refused, and stays good for its own', async () => {
  const { tenants, files, clientId } = await appliedClient();
  const authority = await openAuthority(join(temporaryFolder(), 'authority'));
  const enrolment = enrolmentActivities({ tenants, authority });
  const endpoint = files.endpoints.find(({ siteId }) => siteId === 'berlin')?.name ?? '';
  const endpointId = `${endpoint}.${clientId}`;
  const tokenDigest = createHash('sha256').update('a token').digest('hex');
  const [createdAt, expiresAt] = [new Date(), new Date(Date.now() + 60_000)];
  const data = { tokenDigest, clientId, endpointId, createdAt, expiresAt };
  await tenants.forClient(clientId).enrolmentToken.create({ data });
  const { request: certificateRequest } = await newCertificateRequest();

  const elsewhere = enrolment.enrol({ siteId: `chicago.${clientId}`, tokenDigest, certificateRequest });
  await expect(elsewhere).rejects.toMatchObject({ code: 'EnrolmentRefused', message: expect.stringMatching(/site/) });
  const here = await enrolment.enrol({ siteId: `berlin.${clientId}`, tokenDigest, certificateRequest });
  expect(here).toMatchObject({ endpointId });
  const audited = await tenants.forClient(clientId).auditEvent.findFirstOrThrow({ where: { action: 'enrol' } });
  const { certificateEndsAt } = audited.detail as { certificateEndsAt: string };
  expect((Date.parse(certificateEndsAt) - Date.now()) / 86_400_000).toBeCloseTo(397, 0);
});

test('an endpoint whose machine was rebuilt enrols again, and no other does', async () => {
  const { tenants, files, clientId } = await appliedClient();
  const authority = await openAuthority(join(temporaryFolder(), 'authority'));
  const db = tenants.forClient(clientId);
  const present = new Set<string>();
  const configured: string[] = [];
  const fleet = fleetOfPaper({
    hasIdentity: async (name) => present.has(name),
    async configureAgent(name, { caller }) {
      configured.push(`${name} answers ${caller}`);
      present.add(name);
      await db.endpoint.updateMany({ where: { name }, data: { enrolledAt: new Date() } });
    },
  });
  const enrolAll = () => enrolFleet({ tenants, authority, fleet }, files);
  expect(await enrolAll()).toBe(files.endpoints.length);
  const answers = ({ name, siteId }: ClientFiles['endpoints'][number]) =>
    `${name} answers control.${siteId}.${clientId}`;
  expect(configured).toEqual(files.endpoints.map(answers));

  configured.length = 0;
  await enrolAll();
  expect(configured).toEqual([]);

  const [rebuilt, kept] = files.endpoints;
  if (!rebuilt || !kept) throw new Error('The example has too few endpoints.');
  await db.endpoint.updateMany({ data: { generation: 3 } });
  present.delete(rebuilt.name);
  await enrolAll();
  expect(configured).toEqual([answers(rebuilt)]);
  const generationOf = async (name: string) => (await db.endpoint.findFirst({ where: { name } }))?.generation;
  expect(await generationOf(rebuilt.name)).toBe(1);
  expect(await generationOf(kept.name)).toBe(3);
});

function fleetOfPaper(own: Pick<Fleet, 'hasIdentity' | 'configureAgent'>): Fleet {
  return {
    kind: 'simulated',
    words: '',
    reference: '',
    up: async () => undefined,
    processes: () => [],
    commandInSite: () => [],
    openPassage: async () => undefined,
    enrolmentAddress: async () => ({ host: '127.0.0.1', port: 7444 }),
    addressOf: async () => ({ host: '127.0.0.1', port: 7443 }),
    power: async () => undefined,
    down: async () => undefined,
    ...own,
  };
}
