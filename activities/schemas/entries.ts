/** Maps and lists as operators write them: unknown keys are refused with the nearest known one, one value may stand for a list. */
import { z } from 'zod';

/** A map with these keys and no others. The message of unknown keys has a line for each, in the order of `issue.keys`. */
export function entry<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      return issue.keys.map((key) => `is not known here; ${advice(key, Object.keys(shape))}`).join('\n');
    },
  });
}

/** One value or a list of at least one. */
export function oneOrMore<Each extends z.ZodType>(each: Each) {
  return z.preprocess((value) => (value === undefined || Array.isArray(value) ? value : [value]), z.array(each).min(1));
}

/** A word that stands for something, or what `schema` reads. Its problems keep their places. */
export function wordOr<Word, Rest extends z.ZodType>(words: Readonly<Record<string, Word>>, schema: Rest) {
  return z.unknown().transform((value, context): Word | z.output<Rest> => {
    if (typeof value === 'string') {
      const meant = Object.entries(words).find(([word]) => word === value);
      if (meant) return meant[1];
      context.addIssue({ code: 'custom', message: `"${value}" is not known; ${advice(value, Object.keys(words))}` });
      return z.NEVER;
    }
    const read = schema.safeParse(value, { error: inOperatorsWords });
    if (read.success) return read.data;
    for (const { path, message } of read.error.issues) context.addIssue({ code: 'custom', path, message });
    return z.NEVER;
  });
}

/** What zod finds wrong, as a sentence without jargon; a schema's own message goes before it. */
export function inOperatorsWords(issue: z.core.$ZodRawIssue): string | undefined {
  const wrote = quote(issue.input);
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String);
    if (issue.input === undefined) return `is missing; write ${known.join(' or ')}`;
    return `${wrote} is not known; ${advice(typeof issue.input === 'string' ? issue.input : '', known)}`;
  }
  if (issue.code === 'invalid_type') {
    const kind = kinds[issue.expected] ?? issue.expected;
    return issue.input === undefined ? `is missing; write ${kind}` : `${wrote} is not ${kind}`;
  }
  if (issue.code === 'too_small') return `is too little; write at least ${issue.minimum}`;
  if (issue.code === 'too_big') return `is too much; write at most ${issue.maximum}`;
  return undefined;
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a text (put numbers in quotes)',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of names and values',
};

/** What was written, cut to a readable length. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `did you mean take?`, or what can be written. */
export function advice(wrote: string, known: readonly string[]): string {
  const near = nearest(wrote, known);
  if (near !== null) return `did you mean ${near}?`;
  return known.length > 0 ? `write one of ${known.join(', ')}` : 'there is none yet';
}

function nearest(wrote: string, known: readonly string[]): string | null {
  const ranked = known
    .map((name) => ({ name, edits: editsBetween(wrote.toLowerCase(), name.toLowerCase()) }))
    .toSorted((a, b) => a.edits - b.edits);
  const best = ranked[0];
  return best && best.edits <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : null;
}

/** Levenshtein's distance. */
function editsBetween(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let line = 1; line <= left.length; line++) {
    const next = [line];
    for (let column = 1; column <= right.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (right[column - 1] === left[line - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
