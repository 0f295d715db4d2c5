/** What the tests of the documents read: the project's own files, their comments, and what a file exports. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

const project = join(import.meta.dirname, '..', '..');

const notOurs = new Set(['node_modules', 'dist', 'generated', 'histories']);

/** Paths of the project's files with one of these endings, from its root. Hidden folders are left out. */
export function filesEnding(...endings: readonly string[]): readonly string[] {
  const under = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      if (entry.name.startsWith('.') || notOurs.has(entry.name)) return [];
      if (entry.isDirectory()) return under(join(folder, entry.name));
      return endings.some((ending) => entry.name.endsWith(ending)) ? [relative(project, join(folder, entry.name))] : [];
    });
  return under(project);
}

export function textOf(path: string): string {
  return readFileSync(join(project, path), 'utf8');
}

export function isFile(path: string): boolean {
  return existsSync(join(project, path));
}

export type Line = { readonly file: string; readonly number: number; readonly text: string };

/** Every line of a source that is a comment, or ends in one. */
export function commentsIn(file: string): readonly Line[] {
  return textOf(file)
    .split('\n')
    .map((text, index) => ({ file, number: index + 1, text }))
    .filter(({ text }) => /^\s*(\/\*\*?|\*|\/\/)|\s\/\/ /.test(text));
}

/** Whether a source exports a function, constant, class or type of that name. */
export function exportsName(file: string, name: string): boolean {
  const declared = new RegExp(`^export (?:async )?(?:function|const|class|type|interface) ${name}\\b`, 'm');
  return declared.test(textOf(file));
}

export type Link = { readonly words: string; readonly target: string };

/** The links of a piece of Markdown; targets as they stand there. */
export function linksIn(markdown: string): readonly Link[] {
  return [...markdown.matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)].map(([, words = '', target = '']) => ({ words, target }));
}

/**
 * A source taken apart: its code without comments and strings, and its comments and strings, each with the lines kept.
 * Regular expressions are told from divisions by what stands before them.
 */
export function takenApart(source: string): { readonly code: string; readonly prose: string } {
  const blank = (text: string) => text.replace(/[^\n]/g, ' ');
  let [code, prose] = ['', ''];
  const piece =
    /(\/\*[\s\S]*?\*\/|\/\/[^\n]*)|('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|(`)|((?<=[=(,:!&|?{}[;\n>]\s*|return )\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*)/g;
  for (let at = 0; at < source.length;) {
    piece.lastIndex = at;
    const found = piece.exec(source);
    const until = found?.index ?? source.length;
    code += source.slice(at, until);
    prose += blank(source.slice(at, until));
    if (!found) break;
    const [text, comment, plain, template] = found;
    if (template !== undefined) {
      const end = endOfTemplate(source, until);
      const inside = source.slice(until, end);
      // What is computed in a template is code; its text is prose.
      const computed = [...inside.matchAll(/\$\{((?:[^{}]|\{[^{}]*\})*)\}/g)].map(([, each = '']) => each).join(' ; ');
      code += ` ${computed.replaceAll('\n', ' ')} ${blank(inside).replaceAll(' ', '')}`;
      prose += inside.replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, (each) => `X${each.replace(/[^\n]/g, '')}`);
      at = end;
      continue;
    }
    code += blank(text);
    prose += comment === undefined && plain === undefined ? blank(text) : text;
    at = until + text.length;
  }
  return { code, prose };
}

/** Where a template that begins there ends, with the templates inside it. */
function endOfTemplate(source: string, from: number): number {
  let depth = 0;
  for (let at = from + 1; at < source.length; at += 1) {
    const char = source[at];
    if (char === '\\') at += 1;
    else if (char === '$' && source[at + 1] === '{') {
      depth += 1;
      at += 1;
    } else if (char === '{' && depth > 0) depth += 1;
    else if (char === '}' && depth > 0) depth -= 1;
    else if (char === '`' && depth === 0) return at + 1;
    else if (char === '`') at = endOfTemplate(source, at) - 1;
  }
  return source.length;
}
