/** What a query gives back: rows found, put in order, with what they are asked to bring along. */
import { NotModelled } from '../not-modelled.ts';
import { type Judge, type Row, type Where, matches, compareRows } from './conditions.ts';
import type { Model, Relation } from './schema.ts';
import type { Table } from './table.ts';

export type Query = {
  readonly where?: Where;
  readonly orderBy?: unknown;
  readonly take?: number;
  readonly skip?: number;
  readonly distinct?: string | readonly string[];
  readonly include?: Readonly<Record<string, unknown>>;
  readonly select?: Readonly<Record<string, unknown>>;
};

const known = new Set(['where', 'orderBy', 'take', 'skip', 'distinct', 'include', 'select']);

export class Reader implements Judge {
  readonly #tables: ReadonlyMap<string, Table>;

  constructor(tables: ReadonlyMap<string, Table>) {
    this.#tables = tables;
  }

  model(name: string): Model {
    return this.table(name).model;
  }

  table(name: string): Table {
    const table = this.#tables.get(name);
    if (!table) throw new Error(`the schema has no model ${name}`);
    return table;
  }

  related(row: Row, relation: Relation): readonly Row[] {
    const where = Object.fromEntries(relation.on.map(([own, theirs]) => [theirs, row[own]]));
    return this.find(this.model(relation.model), where);
  }

  /** The rows themselves, not copies. */
  find(model: Model, where: Where | undefined): Row[] {
    const found: Row[] = [];
    for (const row of this.table(model.name).candidates(where)) if (matches(this, model, row, where)) found.push(row);
    return found;
  }

  read(model: Model, query: Query): Row[] {
    for (const name in query)
      if (!known.has(name))
        throw new NotModelled(`the simulator's database knows no "${name}" in a query of ${model.name}`);
    const found = this.#ordered(model, this.find(model, query.where), query.orderBy);
    const skip = query.skip ?? 0;
    const some = distinct(found, query.distinct).slice(skip, query.take === undefined ? undefined : skip + query.take);
    return some.map((row) => this.#shaped(model, row, query));
  }

  /** Each combination of these columns once; nothing is counted. */
  groups(
    model: Model,
    { by = [], where, ...others }: { readonly by?: readonly string[]; readonly where?: Where },
  ): Row[] {
    const [unknown] = Object.keys(others);
    if (unknown) throw new NotModelled(`the simulator's database groups ${model.name} without "${unknown}"`);
    const rows = distinct(this.find(model, where), by);
    return rows.map((row) => Object.fromEntries(by.map((name) => [name, row[name]])));
  }

  #ordered(model: Model, rows: Row[], orderBy: unknown): Row[] {
    if (orderBy === undefined) return rows;
    const terms = (Array.isArray(orderBy) ? orderBy : [orderBy]).flatMap((term: object) => Object.entries(term));
    return rows.toSorted((a, b) => {
      for (const [name, direction] of terms) {
        const compared = this.#compared(model, a, b, name, direction);
        if (compared !== 0) return compared;
      }
      return 0;
    });
  }

  #compared(model: Model, a: Row, b: Row, name: string, direction: unknown): number {
    const relation = model.relations.get(name);
    if (relation) {
      const [left, right] = [this.related(a, relation)[0], this.related(b, relation)[0]];
      const [inner] = Object.entries(direction as object);
      return left && right && inner ? this.#compared(this.model(relation.model), left, right, inner[0], inner[1]) : 0;
    }
    const { sort, nulls } =
      typeof direction === 'string' ? { sort: direction, nulls: undefined } : (direction as Record<string, string>);
    const [left, right] = [a[name] ?? null, b[name] ?? null];
    if (left === null || right === null) {
      if (left === right) return 0;
      const last = nulls === undefined ? sort === 'asc' : nulls === 'last';
      return (left === null) === last ? 1 : -1;
    }
    return sort === 'asc' ? compareRows(left, right) : compareRows(right, left);
  }

  #shaped(model: Model, row: Row, { select, include }: Query): Row {
    const shaped: Row = select ? {} : { ...row };
    if (select) for (const name in row) if (select[name] === true) shaped[name] = row[name];
    const along = select && include ? { ...select, ...include } : (select ?? include);
    for (const name in along) {
      const wanted = along[name];
      const relation = model.relations.get(name);
      if (!relation || wanted === false || wanted === undefined) {
        if (!model.fields.has(name))
          throw new NotModelled(`the simulator's database brings no ${model.name}.${name} along`);
        continue;
      }
      const query = (wanted === true ? {} : wanted) as Query;
      const where = Object.fromEntries(relation.on.map(([own, theirs]) => [theirs, row[own]]));
      const others = this.read(this.model(relation.model), {
        ...query,
        where: query.where ? { ...where, AND: [query.where] } : where,
      });
      shaped[name] = relation.list ? others : (others[0] ?? null);
    }
    return shaped;
  }
}

function distinct(rows: readonly Row[], by: Query['distinct']): readonly Row[] {
  if (by === undefined) return rows;
  const names = typeof by === 'string' ? [by] : by;
  const seen = new Set<string>();
  return rows.filter((row) => {
    const key = names.map((name) => String(row[name])).join('\n');
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
