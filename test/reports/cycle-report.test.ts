import { assert as hold, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CycleFacts } from '../../domain/reports/cycle-facts.ts';
import { cycleReportHtml } from '../../reports/cycle-report-html.ts';
import { cycleReportJson, cycleReportSchema } from '../../reports/cycle-report-json.ts';
import { complete, facts, recorded } from '../setup/report-facts.ts';

const fixedWords = new Set(['outcome', 'waitingFor', 'decision', 'verdict', 'state', 'kind']);
const isFree = (key: string) => !fixedWords.has(key) && !key.endsWith('At');
const isInstant = (key: string) => key.endsWith('At');

/** The texts under the keys that are chosen, with something put after each. */
function withPayload(value: unknown, payload: string, chosen: (key: string) => boolean, key = ''): unknown {
  if (typeof value === 'string') return chosen(key) ? value + payload : value;
  if (Array.isArray(value)) return value.map((each) => withPayload(each, payload, chosen, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, withPayload(each, payload, chosen, name)]),
  );
}

function tagsOf(payload: string, chosen: (key: string) => boolean): string[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape is the same, texts are longer
  return cycleReportHtml(withPayload(facts, payload, chosen) as CycleFacts).match(/<[^>]*>/g) ?? [];
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, each]) => [key, reversed(each)]),
  );
}

describe('the page', () => {
  test('is the one that was looked at and found good', async () => {
    await expect(cycleReportHtml(facts)).toMatchFileSnapshot('golden/cycle-report.html.golden');
  });

  test('needs nothing from elsewhere and runs nothing', () => {
    const page = cycleReportHtml(facts);
    expect(page).not.toMatch(/<(script|link|img|iframe|object|base|form|a)\b/i);
    expect(page).not.toMatch(/\s(src|href|srcset|on\w+)=/i);
    expect(page).not.toMatch(/url\(|@import/i);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  test('says in its first part what was found, done, not done and not covered', () => {
    const page = cycleReportHtml(facts);
    const first = page.slice(page.indexOf('<section class="first">'), page.indexOf('</section>'));
    expect(first).toContain(
      '2 of 6 endpoints patched and proven; 1 with nothing due; 1 rolled back; 2 waiting and not done.',
    );
    expect(first).toContain('10.81.0.66');
    expect(first).toContain('planted by the demo, to show an emergency');
    expect(first).toContain('<b>ber-web-2</b>: rolled back.');
    expect(first).toContain('<b>bos-web-2</b>: waiting, not done (it is offline).');
    expect(first).toContain('<b>postgresql-15 15.14-0+deb12u1</b>: declined on 1 endpoint.');
    expect(first).toContain('Nothing was tried on a clone for databases.');
    expect(first).not.toContain('lead complete');
  });

  test('stays readable for a large fleet: the first part names twenty and says how many more', () => {
    const many = Array.from({ length: 300 }, (_, index) => ({
      ...recorded.endpoints[5]!,
      endpoint: `laptop-${String(index).padStart(3, '0')}`,
    }));
    const page = cycleReportHtml(complete({ ...recorded, endpoints: many }));
    const first = page.slice(page.indexOf('<section class="first">'), page.indexOf('</section>'));
    expect(first).toContain('<b>laptop-019</b>');
    expect(first).not.toContain('<b>laptop-020</b>');
    expect(first).toContain('and 284 more: see Endpoints and Patches below');
    expect(page.slice(first.length)).toContain('laptop-299');
  });

  const payload = oneof(
    constantFrom(
      '<script>alert(1)</script>',
      `"><img src=x onerror="alert(1)">`,
      "' onmouseover='alert(1)",
      '</style><h1>',
      '</title><script>',
      '--><b>',
      '<!--',
      ']]>',
      '&lt;b&gt;',
      '&#60;b&#62;',
      '\u0000<\u0000b>',
      '\u202E<b>',
      '\uD800<b>',
      '<\u2028b>',
    ),
    string({ unit: 'binary' }),
    string({ unit: constantFrom('<', '>', '"', "'", '&', '/', '=', ' ', 'b', '`', '\n') }),
  );

  test('no text of the facts can put markup into it: its tags are those of a harmless text of that length', () => {
    hold(
      property(payload, (text) => {
        expect(tagsOf(text, isFree)).toEqual(tagsOf('x'.repeat(text.length), isFree));
      }),
      { numRuns: 120, seed: 20261122 },
    );
  });

  test('no instant of the facts can put markup into it', () => {
    const known = new Set(tagsOf('', isInstant));
    hold(
      property(payload, (text) => {
        expect(tagsOf(text, isInstant).filter((tag) => !known.has(tag))).toEqual([]);
      }),
      { numRuns: 60, seed: 20261122 },
    );
  });

  test('marks that could mislead a reader are shown, not obeyed', () => {
    const page = cycleReportHtml({ ...facts, client: { clientId: 'x', name: 'a\u202Etxt.exe\u0007\uD800' } });
    expect(page).toContain('<h1>a\uFFFDtxt.exe\uFFFD\uFFFD</h1>');
  });
});

describe('the JSON', () => {
  test('is the one that was looked at and found good', async () => {
    await expect(cycleReportJson(facts)).toMatchFileSnapshot('golden/cycle-report.json.golden');
  });

  test('holds all of the facts and its schema', () => {
    expect(JSON.parse(cycleReportJson(facts))).toEqual({ schema: cycleReportSchema, ...facts });
  });

  test('is the same bytes whatever order the facts were written in', () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only the order of keys differs
    expect(cycleReportJson(reversed(facts) as CycleFacts)).toBe(cycleReportJson(facts));
  });
});
