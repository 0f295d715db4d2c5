/** The search attributes of every workflow, as a Temporal server registers them. */
import type { SearchAttributes } from '../embedded/temporal.ts';
import { searchAttributes as definitions } from '../workflows/search-attributes.ts';

/** What Temporal's own command line calls the types we use. */
const words = { KEYWORD: 'Keyword', KEYWORD_LIST: 'KeywordList' } as const;

/** The columns of Temporal's web UI. Their values are never encrypted. */
export const searchAttributes: SearchAttributes = Object.fromEntries(
  Object.values(definitions).map(({ name, type }) => [name, words[type]]),
);
