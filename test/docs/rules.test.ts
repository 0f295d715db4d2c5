/** docs/rules.md is true: its links lead to what decides and to what watches, and comments cite rules that hold. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { everyRule } from '../simulator/checker/checker.ts';
import { type Link, commentsIn, exportsName, filesEnding, isFile, linksIn, textOf } from './documents.ts';

const page = textOf('docs/rules.md');
const [inForce = '', notYet = ''] = page.split(/^## Not yet$/m);
const [rulesInForce = '', besides = ''] = inForce.split(/^## Promised besides$/m);

type Rule = { readonly number: number; readonly text: string };

function rulesIn(text: string): readonly Rule[] {
  return text
    .split(/(?=<a id="rule-\d+"><\/a>)/)
    .slice(1)
    .map((part) => ({ number: Number(/rule-(\d+)/.exec(part)?.[1]), text: part }));
}

const holding = rulesIn(rulesInForce);
const waiting = rulesIn(notYet);

/** Whether a link leads to a file that exports the name it stands for. */
function isAlive(link: Link): boolean {
  const name = nameOf(link);
  return name !== null && isFile(pathOf(link)) && exportsName(pathOf(link), name);
}

/** The path from the project's root. */
const pathOf = ({ target }: Link) => join('docs', target);
/** A name in code stands for an export, any other link for a file. */
const nameOf = ({ words }: Link) => /^`(\w+)`$/.exec(words)?.[1] ?? null;

function linksAfter(mark: string, { text }: Rule): readonly Link[] {
  const line = text.split('\n').find((each) => each.startsWith(`- ${mark}`)) ?? '';
  return linksIn(line);
}

/** Where a judge counts a rule, holds it or finds it broken. */
function judgeNames(rule: number, judge: string, file: string): boolean {
  const from = textOf(file).split(new RegExp(`^export const ${judge}\\b`, 'm'))[1] ?? '';
  const [body = ''] = from.split(/^export /m);
  return new RegExp(`\\b(?:must|counts|violated)\\(\\s*${rule}\\b`).test(body);
}

describe('the rules', () => {
  it('are complete and in order, 1 to 18 and 20 in force, 19 and those from 21 on not yet', () => {
    expect(holding.map(({ number }) => number)).toEqual([...Array.from({ length: 18 }, (_, index) => index + 1), 20]);
    expect(waiting.map(({ number }) => number)).toEqual([19, ...Array.from({ length: 11 }, (_, index) => index + 21)]);
  });

  it.each([...holding, ...waiting])('rule $number is one sentence under its own number', ({ number, text }) => {
    const [, said = ''] = new RegExp(`^\\*\\*${number}\\.\\*\\* (.+)$`, 'm').exec(text) ?? [];
    expect(said).toMatch(/^[A-Z_].*\.$/);
    expect(said.slice(0, -1)).not.toMatch(/\. [A-Z]/);
  });

  it.each(holding)('rule $number names what decides it, which is there', (rule) => {
    const deciding = linksAfter('Decided', rule);
    expect(deciding.length).toBeGreaterThan(0);
    expect(deciding.filter((link) => !isAlive(link))).toEqual([]);
  });

  it.each(holding)('rule $number names what watches it, which does', (rule) => {
    const watching = linksAfter('Watched', rule);
    expect(watching.length).toBeGreaterThan(0);
    for (const link of watching) {
      const [name, file] = [nameOf(link), pathOf(link)];
      expect(isFile(file), `${link.target} is no file`).toBe(true);
      if (name !== null) expect(judgeNames(rule.number, name, file), `${name} does not judge it`).toBe(true);
    }
    const line = rule.text.split('\n').find((each) => each.startsWith('- Watched by the tests')) ?? '';
    const tests = watching.map((link) => textOf(pathOf(link))).join('\n');
    for (const [, title = ''] of line.matchAll(/_([^_]+)_/g)) expect(tests).toContain(`'${title}'`);
  });

  it('are watched by the judges of the simulator where it has one, and nothing it judges is missing here', () => {
    const judged = holding.filter((rule) => linksAfter('Watched', rule).some((link) => nameOf(link) !== null));
    const numbered = everyRule.filter((rule) => typeof rule === 'number');
    expect(judged.map(({ number }) => number)).toEqual(numbered);
    for (const rule of everyRule) if (typeof rule === 'string') expect(besides.toLowerCase()).toContain(`**${rule}.**`);
  });

  it('link what is promised besides to what is there', () => {
    expect(linksIn(besides).filter((link) => !isAlive(link))).toEqual([]);
  });

  it('have no links while they do not hold', () => {
    expect(linksIn(notYet)).toEqual([]);
  });
});

describe('a citation', () => {
  const inForceNow = new Set(holding.map(({ number }) => number));
  const comments = filesEnding('.ts', '.mjs', '.js').flatMap(commentsIn);

  it('in a comment names a rule that holds', () => {
    const cited = comments.flatMap(({ file, number, text }) =>
      [...text.matchAll(/\b[Rr]ules? (\d+(?:(?:, | and | to )\d+)*)/g)].flatMap(([, list = '']) =>
        (list.match(/\d+/g) ?? []).map((rule) => ({ at: `${file}:${number}`, rule: Number(rule) })),
      ),
    );
    expect(cited.length).toBeGreaterThan(20);
    expect(cited.filter(({ rule }) => !inForceNow.has(rule))).toEqual([]);
  });

  it('by a link leads to an anchor, from whatever file', () => {
    const anchors = new Set([...page.matchAll(/<a id="(rule-\d+)"><\/a>/g)].map(([, id]) => id));
    const linked = filesEnding('.ts', '.mjs', '.js', '.md', '.json').flatMap((file) =>
      [...textOf(file).matchAll(/rules\.md#(rule-\w+)/g)].map(([, anchor]) => ({ file, anchor })),
    );
    expect(linked.filter(({ anchor }) => !anchors.has(anchor))).toEqual([]);
  });
});
