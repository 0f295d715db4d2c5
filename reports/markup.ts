/** Text that is safe to stand in a page. Only `html` makes it, so a value that was not escaped cannot get in. */
export type Markup = { readonly [safe]: string };

type Piece = string | number | Markup | null | readonly Piece[];

const safe = Symbol('safe');

/** Writes markup; every value put into it is escaped, except markup itself. Lists are joined, null is nothing. */
export function html(written: TemplateStringsArray, ...values: readonly Piece[]): Markup {
  return {
    [safe]: written.map((text, index) => text + (index < values.length ? textOf(values[index] ?? null) : '')).join(''),
  };
}

/** The finished text of a page. */
export function toText(markup: Markup): string {
  return markup[safe];
}

function textOf(value: Piece): string {
  if (value === null) return '';
  if (typeof value === 'string') return escape(value);
  if (typeof value === 'number') return String(value);
  if (safe in value) return value[safe];
  return value.map(textOf).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters, half surrogates and marks that turn the direction of writing are shown as �: they could mislead a reader. */
function escape(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => entities[character] ?? '')
    .replace(/[^\P{C}\n\t]|[\u202A-\u202E\u2066-\u2069]/gu, '\uFFFD');
}
