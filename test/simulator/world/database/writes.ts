/** What a query changes: rows written, changed, removed, with defaults filled in and every change told and undoable. */
import { NotModelled } from '../not-modelled.ts';
import type { Row, Where } from './conditions.ts';
import { type Reader, type Query } from './reads.ts';
import type { Model } from './schema.ts';
import { type Change, RowProblem, type Undo } from './table.ts';

type Written = { readonly change: Change; readonly undo: Undo };

export class Writer {
  readonly #reader: Reader;
  readonly #written: (written: Written) => void;

  constructor(reader: Reader, written: (written: Written) => void) {
    this.#reader = reader;
    this.#written = written;
  }

  create(model: Model, data: Row): Row {
    const row = whole(model, data);
    const undo = this.#reader.table(model.name).insert(row);
    this.#written({ change: { model: model.name, before: null, after: { ...row } }, undo });
    return row;
  }

  createMany(model: Model, data: Row | readonly Row[], skipDuplicates: boolean): { count: number } {
    const rows = Array.isArray(data) ? (data as readonly Row[]) : [data as Row];
    let count = 0;
    for (const each of rows) {
      if (skipDuplicates && this.#reader.table(model.name).isTaken(whole(model, each))) continue;
      this.create(model, each);
      count += 1;
    }
    return { count };
  }

  updateMany(model: Model, where: Where | undefined, data: Row): { count: number } {
    const rows = this.#reader.find(model, where);
    for (const row of rows) this.#change(model, row, data);
    return { count: rows.length };
  }

  /** @throws RowProblem P2025 when there is no such row */
  update(model: Model, where: Where, data: Row): Row {
    const row = this.#only(model, where);
    this.#change(model, row, data);
    return row;
  }

  upsert(model: Model, query: { where: Where; create: Row; update: Row }): Row {
    const [row] = this.#reader.find(model, query.where);
    if (!row) return this.create(model, query.create);
    this.#change(model, row, query.update);
    return row;
  }

  delete(model: Model, where: Where): Row {
    const row = this.#only(model, where);
    this.#remove(model, row);
    return row;
  }

  deleteMany(model: Model, where: Where | undefined): { count: number } {
    const rows = this.#reader.find(model, where);
    for (const row of rows) this.#remove(model, row);
    return { count: rows.length };
  }

  /** What a write answers: the row as the query asks for it. */
  shaped(model: Model, row: Row, query: Query): Row {
    const where = Object.fromEntries(model.key.map((name) => [name, row[name]]));
    const { include, select } = query;
    const [shaped] = this.#reader.read(model, {
      where,
      ...(include ? { include } : {}),
      ...(select ? { select } : {}),
    });
    return shaped ?? { ...row };
  }

  #only(model: Model, where: Where): Row {
    const [row] = this.#reader.find(model, where);
    if (!row) throw new RowProblem(`No record was found for ${model.name} ${JSON.stringify(where)}`, 'P2025');
    return row;
  }

  #change(model: Model, row: Row, data: Row): void {
    const before = { ...row };
    const changes: Row = {};
    for (const name in data) {
      if (data[name] === undefined) continue;
      if (!model.fields.has(name)) throw new NotModelled(`the simulator's database cannot write ${model.name}.${name}`);
      changes[name] = newValue(model, name, row[name], data[name]);
    }
    const undo = this.#reader.table(model.name).update(row, changes);
    this.#written({ change: { model: model.name, before, after: { ...row } }, undo });
  }

  #remove(model: Model, row: Row): void {
    const undo = this.#reader.table(model.name).remove(row);
    this.#written({ change: { model: model.name, before: { ...row }, after: null }, undo });
  }
}

function whole(model: Model, data: Row): Row {
  const row: Row = {};
  for (const name in data)
    if (!model.fields.has(name)) throw new NotModelled(`the simulator's database cannot write ${model.name}.${name}`);
  for (const field of model.fields.values()) {
    const given = data[field.name];
    if (given !== undefined) row[field.name] = newValue(model, field.name, null, given);
    else if (field.byDefault !== undefined) row[field.name] = field.byDefault;
    else if (field.list) row[field.name] = [];
    else if (field.optional) row[field.name] = null;
    else throw new Error(`a row of ${model.name} needs ${field.name}`);
  }
  return row;
}

function newValue(model: Model, name: string, old: unknown, given: unknown): unknown {
  const field = model.fields.get(name);
  if (field?.type === 'DateTime' && typeof given === 'string') return new Date(given);
  const isOrder = typeof given === 'object' && given !== null && !Array.isArray(given) && !(given instanceof Date);
  if (!isOrder || field?.type === 'Json') return given;
  if ('increment' in given) return Number(old) + Number(given.increment);
  if ('decrement' in given) return Number(old) - Number(given.decrement);
  if ('set' in given) return given.set;
  if ('push' in given) return [...(old as unknown[]), ...(Array.isArray(given.push) ? given.push : [given.push])];
  throw new NotModelled(`the simulator's database cannot write ${JSON.stringify(given)} into ${model.name}.${name}`);
}
