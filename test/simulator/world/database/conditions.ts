/** Prisma's `where`, judged on one row as PostgreSQL would: a comparison with null is neither true nor false. */
import { NotModelled } from '../not-modelled.ts';
import type { Model, Relation } from './schema.ts';

export type Row = Record<string, unknown>;
export type Where = Readonly<Record<string, unknown>>;
/** Null: unknown, as SQL has it. */
type Truth = boolean | null;

export type Related = (row: Row, relation: Relation) => readonly Row[];
export type Judge = {
  readonly model: (name: string) => Model;
  readonly related: Related;
};

export function matches(judge: Judge, model: Model, row: Row, where: Where | undefined): boolean {
  return where === undefined || truthOf(judge, model, row, where) === true;
}

function truthOf(judge: Judge, model: Model, row: Row, where: Where): Truth {
  let truth: Truth = true;
  for (const name in where) {
    const wanted = where[name];
    if (wanted === undefined) continue;
    const one = truthOfTerm(judge, model, row, name, wanted);
    if (one === false) return false;
    if (one === null) truth = null;
  }
  return truth;
}

function truthOfTerm(judge: Judge, model: Model, row: Row, name: string, wanted: unknown): Truth {
  if (model.fields.has(name)) return truthOfField(row[name], wanted);
  if (name === 'AND') return every(truthsOf(judge, model, row, wanted));
  if (name === 'OR') return some(truthsOf(judge, model, row, wanted));
  if (name === 'NOT') return every(truthsOf(judge, model, row, wanted).map(not));
  const relation = model.relations.get(name);
  if (relation) return truthOfRelation(judge, row, relation, wanted as Where | null);
  if (model.uniques.some((fields) => fields.join('_') === name)) return truthOf(judge, model, row, wanted as Where);
  throw new NotModelled(`the simulator's database knows no condition ${model.name}.${name}`);
}

function truthsOf(judge: Judge, model: Model, row: Row, wanted: unknown): readonly Truth[] {
  return (Array.isArray(wanted) ? wanted : [wanted]).map((each: Where) => truthOf(judge, model, row, each));
}

function truthOfRelation(judge: Judge, row: Row, relation: Relation, wanted: Where | null): Truth {
  const others = judge.related(row, relation);
  const model = judge.model(relation.model);
  if (!relation.list) {
    if (wanted === null) return others.length === 0;
    const [other] = others;
    const inner = ('is' in wanted ? wanted['is'] : wanted) as Where;
    return other === undefined ? false : truthOf(judge, model, other, inner);
  }
  return every(
    Object.entries(wanted ?? {}).map(([quantifier, where]) => {
      const hits = others.filter((other) => matches(judge, model, other, where as Where)).length;
      if (quantifier === 'some') return hits > 0;
      if (quantifier === 'none') return hits === 0;
      if (quantifier === 'every') return hits === others.length;
      throw new NotModelled(`the simulator's database knows no quantifier ${quantifier}`);
    }),
  );
}

function truthOfField(value: unknown, wanted: unknown): Truth {
  if (wanted === null) return value === null;
  if (typeof wanted !== 'object' || wanted instanceof Date) return value === null ? null : same(value, wanted);
  let truth: Truth = true;
  for (const operator in wanted) {
    const operand = (wanted as Where)[operator];
    if (operand === undefined || operator === 'mode') continue;
    const one = truthOfOperator(value, operator, operand);
    if (one === false) return false;
    if (one === null) truth = null;
  }
  return truth;
}

function truthOfOperator(value: unknown, operator: string, operand: unknown): Truth {
  if (operator === 'equals') return truthOfField(value, operand);
  if (operator === 'not') return operand === null ? value !== null : not(truthOfField(value, operand));
  if (value === null) return null;
  switch (operator) {
    case 'in':
      return (operand as unknown[]).some((each) => same(value, each));
    case 'notIn':
      return !(operand as unknown[]).some((each) => same(value, each));
    case 'gt':
      return compareRows(value, operand) > 0;
    case 'gte':
      return compareRows(value, operand) >= 0;
    case 'lt':
      return compareRows(value, operand) < 0;
    case 'lte':
      return compareRows(value, operand) <= 0;
    case 'startsWith':
      return (value as string).startsWith(operand as string);
    case 'endsWith':
      return (value as string).endsWith(operand as string);
    case 'contains':
      return (value as string).includes(operand as string);
    case 'isEmpty':
      return ((value as unknown[]).length === 0) === operand;
    case 'has':
      return (value as unknown[]).includes(operand);
    case 'hasSome':
      return (operand as unknown[]).some((each) => (value as unknown[]).includes(each));
    case 'hasEvery':
      return (operand as unknown[]).every((each) => (value as unknown[]).includes(each));
    default:
      throw new NotModelled(`the simulator's database knows no operator ${operator}`);
  }
}

/** The order of two values that are not null; instants by time. */
export function compareRows(a: unknown, b: unknown): number {
  const [left, right] = [comparable(a), a instanceof Date && typeof b === 'string' ? Date.parse(b) : comparable(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || compareRows(a, b) === 0;
}

function comparable(value: unknown): string | number {
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value as string | number;
}

function not(truth: Truth): Truth {
  return truth === null ? null : !truth;
}

function every(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.includes(null) ? null : true;
}

function some(truths: readonly Truth[]): Truth {
  if (truths.includes(true)) return true;
  return truths.includes(null) ? null : false;
}
