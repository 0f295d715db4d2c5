/** What was seen of an endpoint and done to it, kept with its cycle; and that a person has to look at it. */
import type { EndpointInput } from '../../domain/rollout/cycle.ts';
import type { Evidence } from '../../domain/endpoints/evidence.ts';
import { type AuditEntry, digestOf, toJson } from '../audit.ts';
import type { Transaction } from '../database.ts';
import type { EndpointEnd } from '../../domain/endpoints/end.ts';
import { dayMilliseconds } from '../instants.ts';

export type EvidenceSubject = Pick<EndpointInput, 'clientId' | 'cycleId' | 'endpointId'>;

export async function keepEvidence(tx: Transaction, subject: EvidenceSubject, end: EndpointEnd): Promise<void> {
  const seen = [
    { kind: 'before', evidence: end.before },
    { kind: end.outcome === 'rolled_back' ? 'restored' : 'after', evidence: end.after },
  ];
  for (const { kind, evidence } of seen) if (evidence) await keepObserved(tx, subject, kind, evidence);
}

export async function keepObserved(
  tx: Transaction,
  subject: EvidenceSubject,
  kind: string,
  evidence: Evidence,
): Promise<void> {
  const { cycleId, endpointId, clientId } = subject;
  const id = `${cycleId}/${endpointId}/${kind}/${evidence.observedAt}`;
  const row = { clientId, cycleId, endpointId, kind, takenAt: new Date(evidence.observedAt) };
  const content = toJson(evidence);
  await tx.evidence.upsert({ where: { id }, create: { id, ...row, content, digest: digestOf(content) }, update: {} });
}

/** The agent's own account of each operation, with the end of the package manager's output. */
export async function keepOperations(tx: Transaction, subject: EvidenceSubject, end: EndpointEnd): Promise<void> {
  const { cycleId, endpointId, clientId } = subject;
  await tx.evidence.createMany({
    skipDuplicates: true,
    data: end.operations.map((report) => ({
      id: report.operationId,
      clientId,
      cycleId,
      endpointId,
      kind: 'operation',
      takenAt: new Date(report.endedAt ?? report.startedAt),
      content: toJson(report),
      digest: digestOf(report),
    })),
  });
}

/** @param keepDays as the policy says; a snapshot that may be the only way to roll back has no end */
export async function keepSnapshot(
  tx: Transaction,
  subject: EvidenceSubject,
  end: EndpointEnd,
  { keepDays, now }: { readonly keepDays: number; readonly now: Date },
): Promise<void> {
  const { cycleId, endpointId, clientId } = subject;
  const { snapshotId: id, evidenceOfFailedState } = end;
  if (!id) return;
  const keepUntilAt = end.outcome === 'patched' ? new Date(now.getTime() + keepDays * dayMilliseconds) : null;
  // Where packages were rolled back, no endpoint went back to the snapshot.
  const restored = end.outcome === 'rolled_back' && evidenceOfFailedState !== null ? { restoredAt: now } : {};
  const row = { keepUntilAt, ...restored, evidenceOfFailedState };
  await tx.snapshotRecord.upsert({
    where: { id },
    create: { id, clientId, cycleId, endpointId, ...row },
    update: row,
  });
}

/** Stays on record until a person has looked; none while no person is needed. */
export function personNeeded(
  { cycleId, endpointId }: EvidenceSubject,
  what: { readonly outcome: string | null; readonly because: readonly string[]; readonly at: Date },
): readonly AuditEntry[] {
  if (what.outcome !== 'quarantined' && what.outcome !== 'unknown') return [];
  const at = what.at.toISOString();
  const subject = `${cycleId} ${endpointId}`;
  const key = `${subject} person needed ${what.outcome} ${what.because[0] ?? ''}`;
  return [{ key, at, actor: 'patchcycle', action: 'person needed', subject, because: what.because }];
}
