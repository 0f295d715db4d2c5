/** What the tests of the documents read: the project's own files, their comments, and what a file exports. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

export const project = join(import.meta.dirname, '..', '..');

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
