/** The append-only record of what was decided and done, hash-chained for each client. */
import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';
import type { Transaction } from './database.ts';
import { type Target, targetInWords } from '../domain/rollout/halt.ts';
import type { SignOff } from '../domain/rollout/cycle.ts';

export type AuditEntry = {
  /** What makes the event once: a repeated activity records it once. */
  readonly key: string;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly because: readonly string[];
  readonly detail?: unknown;
};

// CommonJS without a marker: its types promise a default export that Node gives as the module itself.
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

/** The hash before a client's first event. */
const genesis = '0'.repeat(64);

/**
 * Appends events to a client's chain, in one transaction with what they tell of. Appends of one client wait for each
 * other: a chain has one end.
 */
export async function appendAudit(tx: Transaction, clientId: string, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('audit'), hashtext(${clientId}))`;
  const known = await tx.auditEvent.findMany({
    where: { clientId, key: { in: entries.map((entry) => entry.key) } },
    select: { key: true },
  });
  const recorded = new Set(known.map((event) => event.key));
  let last = await tx.auditEvent.findFirst({ where: { clientId }, orderBy: { sequence: 'desc' } });
  for (const entry of entries) {
    if (recorded.has(entry.key)) continue;
    recorded.add(entry.key);
    const row = {
      clientId,
      sequence: (last?.sequence ?? 0) + 1,
      key: entry.key,
      at: new Date(entry.at),
      actor: entry.actor,
      action: entry.action,
      subject: entry.subject,
      because: [...entry.because],
      detail: toJson(entry.detail ?? {}),
      previousHash: last?.hash ?? genesis,
    };
    last = await tx.auditEvent.create({ data: { ...row, hash: hashOf(row) } });
  }
}

/** SHA-256 over the canonical JSON (RFC 8785) of everything in the row but the hash itself. */
function hashOf(row: { readonly at: Date; readonly previousHash: string } & Record<string, unknown>): string {
  const { hash: _, ...content } = row;
  return digestOf({ ...content, at: row.at.toISOString() });
}

/** SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of a value. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function canonicalJson(value: unknown): string {
  return canonicalize(toJson(value)) ?? 'null';
}

/** A value as it comes back from a JSON column. */
export function toJson<T>(value: T): T & object {
  return JSON.parse(JSON.stringify(value ?? null));
}

/** An order in the audit: who gave it, what it is about, and why. */
export function orderEntry(action: string, cycleId: string, target: Target, signOff: SignOff, at: string) {
  const subject = target.scope === 'cycle' ? cycleId : `${cycleId} ${targetInWords(target)}`;
  return {
    key: `${cycleId} ${action} ${target.scope} ${target.subject} by ${signOff.who} at ${at}`,
    at,
    actor: signOff.who,
    action,
    subject,
    because: [signOff.why],
  };
}
