import { beforeEach, describe, expect, it } from 'vitest';
import { NotModelled } from '../not-modelled.ts';
import { MemoryDatabase } from './database.ts';
import type { Change } from './table.ts';

const at = new Date('2026-11-22T00:00:00Z');
let told: Change[];
let database: MemoryDatabase;

beforeEach(async () => {
  told = [];
  database = new MemoryDatabase((change) => void told.push(change));
  for (const clientId of ['acme', 'bolt'])
    await database.everybody.client.create({ data: { id: clientId, name: clientId, segments: [], appliedAt: at } });
});

const member = (endpointId: string, more: object = {}) => ({
  cycleId: 'cycle/acme/servers/2026-11-22',
  endpointId,
  clientId: 'acme',
  siteId: 'berlin.acme',
  because: [],
  reasons: [],
  ...more,
});

describe('a database in memory', () => {
  it('shows a client its own rows alone', async () => {
    expect(await database.forClient('acme').client.findMany()).toHaveLength(1);
    expect(await database.everybody.client.count()).toBe(2);
  });

  it('fills in what the schema says where nothing is said', async () => {
    const row = await database.forClient('acme').cycleEndpoint.create({ data: member('web-1.acme') });
    expect(row).toMatchObject({ state: 'planned', online: false, outcome: null, patchesAtFault: [] });
  });

  it('finds nothing unknown by what it is not, as PostgreSQL does', async () => {
    const db = database.forClient('acme');
    await db.cycleEndpoint.createMany({
      data: [member('a.acme'), member('b.acme', { outcome: 'skipped' }), member('c.acme', { outcome: 'patched' })],
    });
    const names = async (where: object) => (await db.cycleEndpoint.findMany({ where })).map((row) => row.endpointId);
    expect(await names({ outcome: { not: 'skipped' } })).toEqual(['c.acme']);
    expect(await names({ OR: [{ outcome: null }, { outcome: { not: 'skipped' } }] })).toEqual(['a.acme', 'c.acme']);
    expect(await names({ NOT: { outcome: 'skipped' } })).toEqual(['c.acme']);
    expect(await names({ outcome: { in: ['patched', 'skipped'] } })).toEqual(['b.acme', 'c.acme']);
  });

  it('undoes a transaction that fails, and tells nothing of it', async () => {
    const db = database.forClient('acme');
    const before = told.length;
    const failing = db.$transaction(async (tx) => {
      await tx.cycleEndpoint.create({ data: member('a.acme') });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await db.cycleEndpoint.count()).toBe(0);
    expect(told).toHaveLength(before);
  });

  it('shows nobody half of a transaction', async () => {
    const db = database.forClient('acme');
    const seen: number[] = [];
    const writing = db.$transaction(async (tx) => {
      await tx.cycleEndpoint.create({ data: member('a.acme') });
      await Promise.resolve();
      await tx.cycleEndpoint.create({ data: member('b.acme') });
    });
    const looking = db.cycleEndpoint.count().then((count) => void seen.push(count));
    await Promise.all([writing, looking]);
    expect(seen).toEqual([2]);
  });

  it('refuses a key that is taken, and passes it over when asked to', async () => {
    const db = database.forClient('acme');
    await db.cycleEndpoint.create({ data: member('a.acme') });
    await expect(db.cycleEndpoint.create({ data: member('a.acme') })).rejects.toMatchObject({ code: 'P2002' });
    expect(
      await db.cycleEndpoint.createMany({ data: [member('a.acme'), member('b.acme')], skipDuplicates: true }),
    ).toEqual({ count: 1 });
  });

  it('says what it does not know, instead of passing it over', async () => {
    const db = database.forClient('acme');
    expect(() => db.cycleEndpoint.aggregate({})).toThrow(NotModelled);
    await expect(db.$executeRaw`DELETE FROM "Client"`).rejects.toThrow(NotModelled);
  });
});
