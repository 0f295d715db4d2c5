/** The rows of one model: keys are unique, what was written can be undone, and the rows of a cycle or an endpoint are found at once. */
import type { Row, Where } from './conditions.ts';
import type { Model } from './schema.ts';

/** Columns by which rows are asked for most. */
const indexed = ['cycleId', 'endpointId', 'siteId'] as const;

/** A row before and after; null where there was none. */
export type Change = { readonly model: string; readonly before: Row | null; readonly after: Row | null };

/** Gives the row back as it was. */
export type Undo = () => void;

/** As Prisma says it: code P2002 for a key that is taken, P2025 for a row that is not there. */
export class RowProblem extends Error {
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/** Rows by the fields of a key; `name` is what a condition calls the key. */
type Unique = { readonly name: string; readonly fields: readonly string[]; readonly rows: Map<string, Row> };

export class Table {
  readonly model: Model;
  readonly #rows = new Set<Row>();
  readonly #byUnique: readonly Unique[];
  readonly #byColumn: ReadonlyMap<string, Map<unknown, Set<Row>>>;
  readonly #keyColumns: ReadonlySet<string>;

  constructor(model: Model) {
    this.model = model;
    this.#keyColumns = new Set([...indexed, ...model.uniques.flat()]);
    this.#byUnique = model.uniques.map((fields) => ({ name: fields.join('_'), fields, rows: new Map() }));
    this.#byColumn = new Map(indexed.filter((name) => model.fields.has(name)).map((name) => [name, new Map()]));
  }

  /** Those a condition may hold for: fewer than all where it names a key or an indexed column. */
  candidates(where: Where | undefined): Iterable<Row> {
    if (!where) return this.#rows;
    for (const { name, fields, rows } of this.#byUnique) {
      const named = fields.length === 1 ? where : (where[name] as Where | undefined);
      if (!named || !fields.every((name) => typeof named[name] === 'string' || typeof named[name] === 'number'))
        continue;
      const row = rows.get(keyIn(named, fields));
      return row ? [row] : [];
    }
    let fewest: ReadonlySet<Row> = this.#rows;
    for (const [column, rows] of this.#byColumn) {
      const wanted = where[column];
      if (typeof wanted !== 'string') continue;
      const bucket = rows.get(wanted);
      if (!bucket) return [];
      if (bucket.size < fewest.size) fewest = bucket;
    }
    return fewest;
  }

  /** @throws RowProblem P2002 when a key is taken */
  insert(row: Row): Undo {
    const taken = this.#takenKey(row);
    if (taken) throw new RowProblem(`Unique constraint failed on ${this.model.name} (${taken.join(', ')})`, 'P2002');
    this.#add(row);
    return () => this.#drop(row);
  }

  isTaken(row: Row): boolean {
    return this.#takenKey(row) !== null;
  }

  update(row: Row, changes: Row): Undo {
    const before = { ...row };
    this.#reindex(row, changes);
    return () => this.#reindex(row, before);
  }

  remove(row: Row): Undo {
    this.#drop(row);
    return () => this.#add(row);
  }

  #takenKey(row: Row): readonly string[] | null {
    const taken = this.#byUnique.find(({ fields, rows }) => !hasNull(row, fields) && rows.has(keyIn(row, fields)));
    return taken ? taken.fields : null;
  }

  #reindex(row: Row, changes: Row): void {
    if (!this.#moves(row, changes)) {
      Object.assign(row, changes);
      return;
    }
    this.#forget(row);
    Object.assign(row, changes);
    this.#index(row);
  }

  #moves(row: Row, changes: Row): boolean {
    for (const name in changes) if (changes[name] !== row[name] && this.#keyColumns.has(name)) return true;
    return false;
  }

  #add(row: Row): void {
    this.#rows.add(row);
    this.#index(row);
  }

  #drop(row: Row): void {
    this.#rows.delete(row);
    this.#forget(row);
  }

  #index(row: Row): void {
    for (const { fields, rows } of this.#byUnique) if (!hasNull(row, fields)) rows.set(keyIn(row, fields), row);
    for (const [column, rows] of this.#byColumn) {
      const bucket = rows.get(row[column]);
      if (bucket) bucket.add(row);
      else rows.set(row[column], new Set([row]));
    }
  }

  #forget(row: Row): void {
    for (const { fields, rows } of this.#byUnique) rows.delete(keyIn(row, fields));
    for (const [column, rows] of this.#byColumn) rows.get(row[column])?.delete(row);
  }
}

function keyIn(row: Where, fields: readonly string[]): string {
  return fields.length === 1 ? text(row[fields[0] ?? '']) : fields.map((name) => text(row[name])).join('\n');
}

function text(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

function hasNull(row: Row, fields: readonly string[]): boolean {
  return fields.some((name) => row[name] === null);
}
