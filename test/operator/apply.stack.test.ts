/** What a client's files no longer state is no longer in force. */
import { expect, test } from 'vitest';
import type { ClientFiles } from '../../domain/policies/policy.ts';
import { applyClient } from '../../operator/apply.ts';
import { appliedClient } from '../setup/record/applied-client.ts';

test('an endpoint, a site and a policy that are no longer stated are retired, and back when they are stated again', async () => {
  const { tenants, files, clientId } = await appliedClient();
  const db = tenants.forClient(clientId);
  const retired = async () => [
    ...(await db.endpoint.findMany({ where: { retiredAt: { not: null } } })).map(({ name }) => name),
    ...(await db.site.findMany({ where: { retiredAt: { not: null } } })).map(({ name }) => name),
  ];
  const inForce = async () => (await db.client.findFirst())?.policyNames;
  expect(await retired()).toEqual([]);
  expect(await inForce()).toEqual(['provider-baseline', 'servers']);

  const fewer: ClientFiles = {
    ...files,
    sites: files.sites.filter(({ id }) => id === 'berlin'),
    endpoints: files.endpoints.filter(({ siteId }) => siteId === 'berlin').slice(1),
    policies: files.policies.filter(({ name }) => name !== 'servers'),
  };
  const applied = await applyClient(tenants, fewer, 'dana');
  const gone = files.endpoints.filter((endpoint) => !fewer.endpoints.includes(endpoint)).map(({ name }) => name);
  expect((await retired()).toSorted()).toEqual([...gone, 'chicago'].toSorted());
  expect(await inForce()).toEqual(['provider-baseline']);
  expect(applied.retired).toContain('site chicago');
  expect(applied.retired).toContain('policy servers');
  const audited = await db.auditEvent.findFirst({ where: { action: 'apply files' }, orderBy: { sequence: 'desc' } });
  expect(audited?.because).toEqual(applied.retired.map((what) => `retired: ${what}`));

  // The same again retires nothing twice.
  expect((await applyClient(tenants, fewer, 'dana')).retired).toEqual([]);
  await applyClient(tenants, files, 'dana');
  expect(await retired()).toEqual([]);
  expect(await inForce()).toEqual(['provider-baseline', 'servers']);
});

test("another client's endpoints stay when one client's are retired", async () => {
  const { tenants, files } = await appliedClient();
  const other = { ...files, client: { id: 'other', name: 'Other' } };
  await applyClient(tenants, other, 'lee');
  await applyClient(tenants, { ...files, endpoints: [] }, 'dana');
  expect(await tenants.forClient('other').endpoint.count({ where: { retiredAt: null } })).toBe(files.endpoints.length);
});

test("a site's budget that is no longer stated is the policy's again", async () => {
  const { tenants, files, clientId } = await appliedClient();
  const budget = async () => (await tenants.forClient(clientId).site.findFirst({ where: { name: 'berlin' } }))?.budget;
  const withBudget = (count: number | null) => ({
    ...files,
    sites: files.sites.map((site) => ({ ...site, budget: count === null ? null : { count } })),
  });
  await applyClient(tenants, withBudget(1), 'dana');
  expect(await budget()).toEqual({ count: 1 });
  await applyClient(tenants, withBudget(null), 'dana');
  expect(await budget()).toBeNull();
});
