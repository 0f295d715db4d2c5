/**
 * The search attributes of every workflow, and so the columns of Temporal's web UI. Their values are never encrypted.
 * PostgreSQL and SQLite allow ten Keywords and three KeywordLists in a namespace.
 */
export const searchAttributes = {
  ClientId: 'Keyword',
  SiteId: 'Keyword',
  CycleId: 'Keyword',
  EndpointId: 'Keyword',
  Step: 'Keyword',
  Ring: 'Keyword',
  Mode: 'Keyword',
  Outcome: 'Keyword',
  Cves: 'KeywordList',
} as const satisfies Readonly<Record<string, 'Keyword' | 'KeywordList'>>;

export type SearchAttributeName = keyof typeof searchAttributes;
