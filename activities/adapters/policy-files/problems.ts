/** Reads one YAML file under a schema and finds every problem in it, each with the line it is on. */
import { readFile } from 'node:fs/promises';
import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { z } from 'zod';
import { inOperatorsWords } from '../../schemas/entries.ts';

type Path = readonly PropertyKey[];

/** A file that was read, so that what only shows later (an unknown site) can be said with its line too. */
export type ReadFile<Value> = {
  readonly file: string;
  /** Null when the file has problems. */
  readonly value: Value | null;
  readonly problems: readonly string[];
  /** `FILE:LINE: rings[0].take: MESSAGE`. */
  readonly problemAt: (path: Path, message: string) => string;
};

/** A file that cannot be read is a problem like any other, not an exception. */
export async function readYaml<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<ReadFile<z.output<Schema>>> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => error);
  if (typeof text !== 'string') {
    const problemAt = (_: Path, message: string) => `${file}: ${message}`;
    return { file, value: null, problems: [problemAt([], `cannot be read: ${reasonOf(text)}`)], problemAt };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const problemAt = (path: Path, message: string) => locate({ file, document, lines }, path, message);
  if (document.errors.length > 0) {
    const problems = document.errors.map(
      ({ pos, message }) => `${file}:${lines.linePos(pos[0]).line}: ${firstLine(message)}`,
    );
    return { file, value: null, problems, problemAt };
  }
  const read = schema.safeParse(document.toJS(), { error: inOperatorsWords });
  if (read.success) return { file, value: read.data, problems: [], problemAt };
  const problems = read.error.issues.flatMap((issue) => inLines(issue, problemAt));
  return { file, value: null, problems: problems.toSorted(byLine), problemAt };
}

/** Unknown keys come as one issue with a line of message for each. */
function inLines(issue: z.core.$ZodIssue, problemAt: (path: Path, message: string) => string): string[] {
  if (issue.code !== 'unrecognized_keys') return [problemAt(issue.path, issue.message)];
  const messages = issue.message.split('\n');
  return issue.keys.map((key, index) => problemAt([...issue.path, key], messages[index] ?? 'is not known here'));
}

/** Both are of one file. */
function byLine(left: string, right: string): number {
  return left.localeCompare(right, 'en', { numeric: true });
}

function locate(
  { file, document, lines }: { file: string; document: Document; lines: LineCounter },
  path: Path,
  message: string,
): string {
  let offset = document.contents?.range?.[0] ?? 0;
  let node: unknown = document.contents;
  let written = '';
  for (const step of path) {
    const next = childOf(node, step);
    // A single value that may stand for a list has no index of its own.
    if (!next && typeof step === 'number') break;
    written += typeof step === 'number' ? `[${step}]` : `${written === '' ? '' : '.'}${String(step)}`;
    offset = next?.offset ?? offset;
    node = next?.node;
  }
  const place = `${file}:${lines.linePos(offset).line}`;
  return written === '' ? `${place}: ${message}` : `${place}: ${written}: ${message}`;
}

function childOf(node: unknown, step: PropertyKey): { node: unknown; offset: number | undefined } | null {
  if (isMap(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
    return pair ? { node: pair.value, offset: rangeOf(pair.key) } : null;
  }
  if (!isSeq(node) || typeof step !== 'number') return null;
  const item = node.items[step];
  return item === undefined ? null : { node: item, offset: rangeOf(item) };
}

function rangeOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'there is no such file' : String(error);
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}
