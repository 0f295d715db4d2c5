/** The models of prisma/schema.prisma, as far as an in-memory database needs them: fields, keys, relations, defaults. */
import { readFileSync } from 'node:fs';

export type Field = {
  readonly name: string;
  readonly type: string;
  readonly list: boolean;
  readonly optional: boolean;
  /** Undefined: the field has none. */
  readonly byDefault: unknown;
};

export type Relation = {
  readonly name: string;
  readonly model: string;
  readonly list: boolean;
  /** Pairs of own field and the other model's field that are equal. */
  readonly on: readonly (readonly [string, string])[];
};

export type Model = {
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
  readonly relations: ReadonlyMap<string, Relation>;
  /** Fields of the primary key. */
  readonly key: readonly string[];
  /** Every unique set of fields, the primary key first. */
  readonly uniques: readonly (readonly string[])[];
};

export type Schema = ReadonlyMap<string, Model>;

type Line = { readonly name: string; readonly type: string; readonly attributes: string };
type RawModel = { readonly name: string; readonly lines: readonly Line[]; readonly blockAttributes: readonly string[] };

/** @throws Error when a relation cannot be resolved */
export function readSchema(path: URL): Schema {
  const raw = [...readFileSync(path, 'utf8').matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)].map(([, name, body]) =>
    rawModel(name ?? '', body ?? ''),
  );
  const names = new Set(raw.map((model) => model.name));
  return new Map(raw.map((model) => [model.name, toModel(model, raw, names)]));
}

function rawModel(name: string, body: string): RawModel {
  const rows = body
    .split('\n')
    .map((line) => line.replace(/\/\/.*$/, '').trim())
    .filter((line) => line !== '');
  const lines = rows
    .filter((row) => !row.startsWith('@@'))
    .map((row) => {
      const [field = '', type = '', ...attributes] = row.split(/\s+/);
      return { name: field, type, attributes: attributes.join(' ') };
    });
  return { name, lines, blockAttributes: rows.filter((row) => row.startsWith('@@')) };
}

function toModel(model: RawModel, all: readonly RawModel[], names: ReadonlySet<string>): Model {
  const isRelation = (line: Line) => names.has(bareType(line.type));
  const scalars = model.lines.filter((line) => !isRelation(line));
  const relations = model.lines.filter(isRelation).map((line) => toRelation(model, line, all));
  const single = scalars.filter((line) => /@id\b/.test(line.attributes)).map((line) => [line.name]);
  const blockKey = model.blockAttributes.filter((line) => line.startsWith('@@id')).map(fieldsIn);
  const [key = []] = [...single, ...blockKey];
  const uniques = [
    key,
    ...scalars.filter((line) => /@unique\b/.test(line.attributes)).map((line) => [line.name]),
    ...model.blockAttributes.filter((line) => line.startsWith('@@unique')).map(fieldsIn),
  ];
  return {
    name: model.name,
    fields: new Map(scalars.map((line) => [line.name, toField(line)])),
    relations: new Map(relations.map((relation) => [relation.name, relation])),
    key,
    uniques,
  };
}

function toField(line: Line): Field {
  const [, written] = /@default\(("[^"]*"|[^)]*)\)/.exec(line.attributes) ?? [];
  return {
    name: line.name,
    type: bareType(line.type),
    list: line.type.endsWith('[]'),
    optional: line.type.endsWith('?'),
    byDefault: written === undefined ? undefined : JSON.parse(written),
  };
}

function toRelation(model: RawModel, line: Line, all: readonly RawModel[]): Relation {
  const other = bareType(line.type);
  const own = pairsIn(line.attributes);
  const opposite = all
    .find((each) => each.name === other)
    ?.lines.find((each) => bareType(each.type) === model.name && pairsIn(each.attributes));
  const theirs = opposite && pairsIn(opposite.attributes)?.map(([a, b]) => [b, a] as const);
  const on = own ?? theirs;
  if (!on) throw new Error(`${model.name}.${line.name} of the schema is a relation without fields on either side`);
  return { name: line.name, model: other, list: line.type.endsWith('[]'), on };
}

function pairsIn(attributes: string): (readonly [string, string])[] | null {
  const [, fields, references] = /fields: \[([^\]]*)\], references: \[([^\]]*)\]/.exec(attributes) ?? [];
  if (fields === undefined || references === undefined) return null;
  const theirs = references.split(',').map((name) => name.trim());
  return fields.split(',').map((name, index) => [name.trim(), theirs[index] ?? ''] as const);
}

function fieldsIn(attribute: string): string[] {
  const [, list = ''] = /\[([^\]]*)\]/.exec(attribute) ?? [];
  return list.split(',').map((name) => name.trim());
}

function bareType(type: string): string {
  return type.replace(/[?[\]]/g, '');
}
