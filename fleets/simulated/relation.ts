/** Relationships between packages as control files spell them (Debian Policy §7.1). */
import { compareVersions } from '../../domain/debian-version.ts';

export type Relation = { readonly package: string; readonly operator: string | null; readonly version: string };

const pattern = /^\s*([a-z0-9][a-z0-9+.-]+)\s*(?:\((<<|<=|=|>=|>>)\s*([^\s)]+)\))?\s*$/;

/** Whether a text can be read as a relation or as alternatives. */
export function isClause(text: string): boolean {
  return text.split('|').every((alternative) => pattern.test(alternative));
}

/** `libc6 (>= 2.34) | libc6.1` as its alternatives. Throws on anything that is no relation. */
export function alternativesOf(clause: string): readonly Relation[] {
  return clause.split('|').map((text) => {
    const match = pattern.exec(text);
    if (match === null) throw new Error(`"${text}" is no package relation; write it as in a control file.`);
    return { package: match[1] ?? '', operator: match[2] ?? null, version: match[3] ?? '' };
  });
}

/** Whether this version of the related package is what the relation asks for. */
export function satisfies(relation: Relation, version: string): boolean {
  if (relation.operator === null) return true;
  const order = compareVersions(version, relation.version);
  if (relation.operator === '<<') return order < 0;
  if (relation.operator === '<=') return order <= 0;
  if (relation.operator === '=') return order === 0;
  if (relation.operator === '>=') return order >= 0;
  return order > 0;
}
