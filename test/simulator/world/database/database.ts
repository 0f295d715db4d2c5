/**
 * The product's database in memory: as much of Prisma's client as the activities use, over the models of the product's
 * own schema, so that the activities run here unchanged. A transaction happens alone and wholly or not at all; what is
 * committed is told, in order.
 */
import { NotModelled } from '../not-modelled.ts';
import type { Database, Tenants } from '../../../../record/database.ts';
import type { Row, Where } from './conditions.ts';
import { type Query, Reader } from './reads.ts';
import { type Model, readSchema } from './schema.ts';
import { type Change, RowProblem, Table, type Undo } from './table.ts';
import { Writer } from './writes.ts';

const schema = readSchema(new URL('../../../../prisma/schema.prisma', import.meta.url));

type Arguments = Query & {
  readonly by?: readonly string[];
  readonly data?: Row | readonly Row[];
  readonly create?: Row;
  readonly update?: Row;
  readonly skipDuplicates?: boolean;
};
type Act = (model: Model, query: Arguments) => unknown;

export class MemoryDatabase implements Tenants {
  readonly everybody: Database;
  readonly #reader: Reader;
  readonly #acts: Readonly<Record<string, Act>>;
  readonly #committed: (change: Change) => void;
  readonly #clients = new Map<string, Database>();
  /** Of the transaction that is under way: what it changed, and how to undo it. */
  #open: { readonly changes: Change[]; readonly undos: Undo[]; readonly ended: Promise<void> } | null = null;

  /** @param committed told of every change, once it can no longer be undone */
  constructor(committed: (change: Change) => void) {
    this.#committed = committed;
    this.#reader = new Reader(new Map([...schema].map(([name, model]) => [name, new Table(model)])));
    const writer = new Writer(this.#reader, ({ change, undo }) => {
      if (!this.#open) return this.#committed(change);
      this.#open.changes.push(change);
      this.#open.undos.push(undo);
    });
    this.#acts = actsOf(this.#reader, writer);
    this.everybody = this.#confinedTo(null);
  }

  forClient(clientId: string): Database {
    const known = this.#clients.get(clientId);
    if (known) return known;
    const made = this.#confinedTo(clientId);
    this.#clients.set(clientId, made);
    return made;
  }

  /** Every row of a model: for those who look from outside. */
  rows(model: string): readonly Row[] {
    return this.#reader.find(this.#reader.model(model), undefined);
  }

  #confinedTo(clientId: string | null): Database {
    const inside = this.#client(clientId, (run) => new Lazy(run, async () => run()));
    const outside = this.#client(clientId, (run) => new Lazy(run, () => this.#alone(run)));
    outside['$transaction'] = (work: unknown) =>
      this.#transaction(async () =>
        Array.isArray(work)
          ? work.map((query: Lazy) => query.atOnce())
          : (work as (tx: object) => Promise<unknown>)(inside),
      );
    return outside as unknown as Database;
  }

  #client(clientId: string | null, queued: (run: () => unknown) => Lazy): Record<string, unknown> {
    const client: Record<string, unknown> = {
      $executeRaw: (text: TemplateStringsArray) => queued(() => onlyLocks(text)),
      $queryRaw: (text: TemplateStringsArray) => queued(() => onlyLocks(text)),
    };
    for (const model of schema.values()) {
      const acts = Object.entries(this.#acts).map(([operation, act]) => [
        operation,
        (query: Arguments = {}) => queued(() => act(model, confined(model, operation, query, clientId))),
      ]);
      const name = model.name.charAt(0).toLowerCase() + model.name.slice(1);
      client[name] = closed(`${name} of the simulator's database`, Object.fromEntries(acts));
    }
    return closed("the simulator's database", client);
  }

  /** Waits for a transaction that is under way: nobody sees half of one. */
  async #alone(run: () => unknown): Promise<unknown> {
    while (this.#open) await this.#open.ended;
    return run();
  }

  async #transaction(work: () => Promise<unknown>): Promise<unknown> {
    while (this.#open) await this.#open.ended;
    let end = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    const open = { changes: [] as Change[], undos: [] as Undo[], ended };
    this.#open = open;
    try {
      const result = await work();
      this.#open = null;
      for (const change of open.changes) this.#committed(change);
      return result;
    } catch (failure) {
      for (const undo of open.undos.toReversed()) undo();
      this.#open = null;
      throw failure;
    } finally {
      end();
    }
  }
}

/** A query as Prisma makes it: nothing happens until somebody awaits it. */
class Lazy implements PromiseLike<unknown> {
  readonly #run: () => unknown;
  readonly #queued: () => Promise<unknown>;
  #answer: Promise<unknown> | null = null;

  constructor(run: () => unknown, queued: () => Promise<unknown>) {
    this.#run = run;
    this.#queued = queued;
  }

  atOnce(): unknown {
    return this.#run();
  }

  // oxlint-disable-next-line unicorn/no-thenable -- as Prisma's own queries are
  then: PromiseLike<unknown>['then'] = (...reactions) => {
    this.#answer ??= this.#queued();
    // oxlint-disable-next-line promise/prefer-await-to-then, promise/catch-or-return -- whoever awaits it brings the reactions
    return this.#answer.then(...reactions);
  };

  catch(failed: (reason: unknown) => unknown): PromiseLike<unknown> {
    return this.then(null, failed);
  }
}

/** What is not there is said, instead of being undefined. */
function closed(whose: string, has: Record<string, unknown>): Record<string, unknown> {
  const beyond = new Proxy(
    {},
    {
      get(_, name) {
        if (typeof name === 'string' && name !== 'then') throw new NotModelled(`${whose} has no ${name}`);
      },
    },
  );
  return Object.assign(Object.create(beyond) as Record<string, unknown>, has);
}

function actsOf(reader: Reader, writer: Writer): Record<string, Act> {
  const first: Act = (model, query) => reader.read(model, { ...query, take: 1 })[0] ?? null;
  const firstOrThrow: Act = (model, query) => {
    const row = first(model, query);
    if (!row) throw new RowProblem(`No record was found for ${model.name} ${JSON.stringify(query.where)}`, 'P2025');
    return row;
  };
  const answered = (model: Model, row: Row, query: Arguments) => writer.shaped(model, row, query);
  return {
    findUnique: first,
    findFirst: first,
    findUniqueOrThrow: firstOrThrow,
    findFirstOrThrow: firstOrThrow,
    findMany: (model, query) => reader.read(model, query),
    groupBy: (model, query) => reader.groups(model, query),
    count: (model, query) => reader.find(model, query.where).length,
    create: (model, query) => answered(model, writer.create(model, query.data as Row), query),
    createMany: (model, query) => writer.createMany(model, query.data ?? [], query.skipDuplicates ?? false),
    update: (model, query) => answered(model, writer.update(model, query.where ?? {}, query.data as Row), query),
    updateMany: (model, query) => writer.updateMany(model, query.where, query.data as Row),
    upsert: (model, query) => {
      const { where = {}, create = {}, update = {} } = query;
      return answered(model, writer.upsert(model, { where, create, update }), query);
    },
    delete: (model, query) => answered(model, writer.delete(model, query.where ?? {}), query),
    deleteMany: (model, query) => writer.deleteMany(model, query.where),
  };
}

/** As the product confines every query to one client: into its condition, and into every new row. */
function confined(model: Model, operation: string, query: Arguments, clientId: string | null): Arguments {
  if (clientId === null) return query;
  const own: Row = model.name === 'Client' ? { id: clientId } : { clientId };
  if (operation === 'create') return { ...query, data: { ...(query.data as Row), ...own } };
  if (operation === 'createMany') {
    const rows = (Array.isArray(query.data) ? query.data : [query.data]) as readonly Row[];
    return { ...query, data: rows.map((row) => ({ ...row, ...own })) };
  }
  const where: Where = { ...query.where, ...own };
  if (operation === 'upsert') return { ...query, where, create: { ...query.create, ...own } };
  return { ...query, where };
}

/** Transactions happen alone here, so a lock has nothing to do; other SQL would be passed over in silence. */
function onlyLocks(text: TemplateStringsArray): number {
  if (/pg_advisory_xact_lock|FOR UPDATE/.test(text.join(''))) return 0;
  throw new NotModelled(`the simulator's database reads no SQL: ${text.join('?')}`);
}
