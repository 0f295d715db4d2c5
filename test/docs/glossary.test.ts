/** docs/glossary.md has one word for one thing, and the words it drops are said nowhere. */
import { describe, expect, it } from 'vitest';
import { filesEnding, takenApart, textOf } from './documents.ts';
import { type DroppedWord, droppedWords } from './dropped-words.ts';

type Said = { readonly file: string; readonly line: number; readonly words: string };

/** The list of the words, and the page that says what they are not called. */
const ofTheGlossary = ['test/docs/dropped-words.ts', 'docs/glossary.md', 'CHANGELOG.md'];
const isTest = (file: string) => file.startsWith('test/');

const sources = filesEnding('.ts', '.mjs').filter((file) => !ofTheGlossary.includes(file));
const documents = filesEnding('.md').filter((file) => !ofTheGlossary.includes(file) && !file.startsWith('data/'));
const apart = sources.map((file) => ({ file, ...takenApart(textOf(file)) }));

function saidIn(file: string, text: string, wanted: (line: string) => readonly string[]): readonly Said[] {
  return text.split('\n').flatMap((line, index) => wanted(line).map((words) => ({ file, line: index + 1, words })));
}

function namesWith({ inNames, butIn = [], freeInTests = false }: DroppedWord): readonly Said[] {
  if (inNames === null) return [];
  const named = (line: string) => (line.match(/[A-Za-z_$][\w$]*/g) ?? []).filter((name) => inNames.test(name));
  return apart
    .filter(({ file }) => !butIn.includes(file) && !(freeInTests && isTest(file)))
    .flatMap(({ file, code }) => saidIn(file, code, named));
}

function proseWith({ inProse, butIn = [] }: DroppedWord): readonly Said[] {
  if (inProse === null) return [];
  const said = (line: string) => (inProse.test(line) ? [line.trim()] : []);
  const ofSources = apart.filter(({ file }) => !isTest(file)).map(({ file, prose }) => ({ file, text: prose }));
  const ofDocuments = documents.map((file) => ({ file, text: textOf(file) }));
  return [...ofSources, ...ofDocuments]
    .filter(({ file }) => !butIn.includes(file))
    .flatMap(({ file, text }) => saidIn(file, text, said));
}

const inLines = (said: readonly Said[]) => said.map(({ file, line, words }) => `${file}:${line}: ${words}`);

describe('the glossary', () => {
  const rows = textOf('docs/glossary.md')
    .split('\n')
    .filter((line) => /^\| (?!Word|-)/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));

  it('has each word once, with what it means', () => {
    const words = rows.map(([, word]) => word);
    expect(words.length).toBeGreaterThan(50);
    expect(new Set(words).size).toBe(words.length);
    for (const [, word, meaning] of rows) expect(meaning, word).not.toBe('');
  });
});

describe('a word that the glossary drops', () => {
  it('is found where it is said, in a name, in a comment and in a sentence, and not in an expression', () => {
    const { code, prose } = takenApart(
      "const door = 'a shelf'; // anew\nconst x = `${standing} told`; /tidy/.test(x);",
    );
    expect(code).toMatch(/\bdoor\b[\s\S]*\bstanding\b/);
    expect(code).not.toMatch(/shelf|anew|told|tidy/);
    expect(prose).toMatch(/shelf[\s\S]*anew[\s\S]*told/);
    expect(prose).not.toMatch(/door|standing|tidy/);
  });

  it.each(droppedWords)('is part of no name: $word', (dropped) => {
    expect(inLines(namesWith(dropped)), `say ${dropped.instead}`).toEqual([]);
  });

  it.each(droppedWords.filter(({ inProse }) => inProse !== null))('is not said: $word', (dropped) => {
    expect(inLines(proseWith(dropped)), `say ${dropped.instead}`).toEqual([]);
  });
});
