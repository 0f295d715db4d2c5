/** Which client, policy and cycle is meant where a person need not say it. */
import { expect, test } from 'vitest';
import { applyClient } from '../../operator/apply.ts';
import { clientIdFor, policyFor } from '../../operator/clients.ts';
import { endpointsOf, newestCycleOf } from '../../operator/endpoints.ts';
import { cyclesOf } from '../../operator/facts.ts';
import { plantCycle } from '../setup/record/planted-cycle.ts';
import { exampleFiles, appliedClient, emptyTenants } from '../setup/record/applied-client.ts';

test('the only client need not be named, and one of several has to be', async () => {
  const tenants = await emptyTenants();
  await expect(clientIdFor({ tenants }, undefined)).rejects.toThrow(/no client yet\. Apply its files/);
  const [first, second] = [await exampleFiles(), await exampleFiles()];
  await applyClient(tenants, first, 'dana');
  expect(await clientIdFor({ tenants }, undefined)).toBe(first.client.id);
  await applyClient(tenants, second, 'dana');
  await expect(clientIdFor({ tenants }, undefined)).rejects.toMatchObject({
    name: 'InvalidRequest',
    message: expect.stringMatching(/^Say which client: --client .* or /),
  });
  expect(await clientIdFor({ tenants }, second.client.id)).toBe(second.client.id);
  await expect(clientIdFor({ tenants }, 'globex')).rejects.toThrow('There is no client globex; there is');
});

test('the only policy that applies to anything need not be named, and one of several has to be', async () => {
  const { tenants, files, clientId } = await appliedClient();
  expect(await policyFor({ tenants }, clientId, undefined)).toBe('servers');
  await expect(policyFor({ tenants }, clientId, 'tills')).rejects.toThrow(
    `No policy tills is in force for ${clientId}`,
  );
  const policy = files.policies.find(({ name }) => name === 'servers');
  if (!policy) throw new Error('The example has no policy servers.');
  await applyClient(tenants, { ...files, policies: [...files.policies, { ...policy, name: 'tills' }] }, 'dana');
  await expect(policyFor({ tenants }, clientId, undefined)).rejects.toThrow(
    /^Say which policy: --policy \w+ or \w+\.$/,
  );
  expect(await policyFor({ tenants }, clientId, 'tills')).toBe('tills');
});

test('the newest cycle of an endpoint is the one that is shown, unless another is named', async () => {
  const { tenants, clientId } = await appliedClient();
  const name = 'berlin-web-1';
  await expect(newestCycleOf({ tenants }, { clientId, name, cycleId: undefined })).rejects.toThrow(
    `No cycle has had an endpoint ${name}`,
  );
  const first = await plantCycle(tenants, clientId, { members: [{ endpoint: name, outcome: 'patched' }] });
  const second = await plantCycle(tenants, clientId, { number: 2, members: [{ endpoint: name, state: 'waiting' }] });

  expect((await cyclesOf({ tenants }, clientId)).map(({ cycleId }) => cycleId)).toEqual([second, first]);
  const newest = async (cycleId?: string) => (await newestCycleOf({ tenants }, { clientId, name, cycleId })).cycleId;
  expect(await newest()).toBe(second);
  expect(await newest(first)).toBe(first);
  const shown = (await endpointsOf({ tenants }, clientId)).find((endpoint) => endpoint.name === name);
  expect(shown).toMatchObject({ cycleId: second, outcome: null, site: 'berlin' });
});
