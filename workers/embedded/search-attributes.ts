import { searchAttributes as definitions } from '../../workflows/search-attributes.ts';

/** What Temporal's own command line calls the types we use. */
const words = { KEYWORD: 'Keyword', KEYWORD_LIST: 'KeywordList' } as const;

/**
 * The search attributes of every workflow as `temporal server start-dev --search-attribute NAME=TYPE` wants them, and so
 * the columns of Temporal's web UI. Their values are never encrypted. PostgreSQL and SQLite allow ten Keywords and three
 * KeywordLists in a namespace.
 */
export const searchAttributes: Readonly<Record<string, 'Keyword' | 'KeywordList'>> = Object.fromEntries(
  Object.values(definitions).map(({ name, type }) => [name, words[type]]),
);
