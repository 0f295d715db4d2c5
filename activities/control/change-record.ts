/** Step 6: the change record. Rings carry out this record and nothing else. */
import type { ChangeRecordContent } from '../../domain/patches/change-record.ts';
import type { ChangeRecordSummary, EndpointInput } from '../../domain/rollout/cycle.ts';
import { columnsAfter, notBegun } from '../../domain/endpoints/saga.ts';
import type { Criticality, Policy } from '../../domain/policies/policy.ts';
import { type PlannedRing, planRings } from '../../domain/rollout/rings.ts';
import { ringOfSuccessor } from '../../domain/rollout/successor.ts';
import { type AuditEntry, appendAudit, digestOf, toJson } from '../../record/audit.ts';
import type { Tenants } from '../../record/database.ts';
import { readCycle, waivedBy } from '../../record/cycle.ts';
import { newestSuccessor, openSuccessor } from '../../record/cycles/successors.ts';
import { grouped } from '../../domain/grouped.ts';
import { idIn, lateRecordId, nameIn, changeRecordId } from '../../domain/ids.ts';
import type { PatchId } from '../../domain/patch.ts';
import { inPlanOrder, installOf, toPatch, wherePlanned } from '../../record/endpoints/plans.ts';
import { RecordRefusal } from '../../record/errors.ts';
import { bound } from '../bound.ts';

/** How long a record that needs no person's approval would wait for one. */
const noApproval = { persons: 0, withinMinutes: 0 };

type Ports = { tenants: Tenants };

export function changeRecordActivities(ports: Ports) {
  return bound(ports, {
    openSuccessor: ({ tenants }: Ports, order: Parameters<typeof openSuccessor>[1]) => openSuccessor(tenants, order),
    writeChangeRecord,
    writeSuccessorRecord,
    extendChangeRecord,
  });
}

/** Draws the rings and writes the record once; written again it is the same record. */
async function writeChangeRecord({ tenants }: Ports, { cycleId }: { cycleId: string }): Promise<ChangeRecordSummary> {
  const opened = await readCycle(tenants, cycleId);
  return writeRecord(opened, changeRecordId(cycleId), async () =>
    composeRecord(opened, await drawRings(opened, (ring) => ring)),
  );
}

/**
 * Writes the record of the successor that was opened last, after its dry run: its own rings, drawn again, over the
 * endpoints it is for; its parent, what left it and why.
 */
async function writeSuccessorRecord(
  { tenants }: Ports,
  { cycleId }: { cycleId: string },
): Promise<ChangeRecordSummary> {
  const opened = await readCycle(tenants, cycleId);
  const successor = await newestSuccessor(opened.db, cycleId);
  if (!successor?.openedAt) throw new RecordRefusal('SuccessorUnknown', `${cycleId} has no successor that was opened`);
  const { number, because, parentId } = successor;
  return writeRecord(opened, changeRecordId(cycleId, number), async () => {
    const parent = await opened.db.changeRecord.findUniqueOrThrow({ where: { id: parentId } });
    const rings = await drawRings(opened, (ring) => ringOfSuccessor(ring, number));
    return {
      ...(await composeRecord(opened, rings)),
      parent: { changeRecordId: parent.id, digest: parent.digest },
      dropped: successor.dropped as unknown as readonly PatchId[],
      why: because.join('; '),
    };
  });
}

/**
 * Writes a successor of the cycle's record, for an endpoint that was planned after it: what it gets, that others
 * have proven it, and why it comes late. Written again it is the same record.
 */
async function extendChangeRecord({ tenants }: Ports, { input }: { input: EndpointInput }): Promise<void> {
  const { cycleId, clientId, endpointId } = input;
  const opened = await readCycle(tenants, cycleId);
  const { db } = opened;
  const parent = await db.changeRecord.findFirst({ where: { cycleId }, orderBy: { writtenAt: 'desc' } });
  if (!parent) throw new RecordRefusal('RecordUnknown', `${cycleId} has no change record`);
  const id = lateRecordId(cycleId, endpointId);
  if (parent.id === id) return;
  const content = {
    ...(await composeRecord(opened, [
      {
        name: input.ring,
        because: [],
        endpoints: [{ endpointName: nameIn(endpointId), because: ['it came back late'] }],
      },
    ])),
    parent: { changeRecordId: parent.id, digest: parent.digest },
    why: `${nameIn(endpointId)} was silent when the cycle planned, and gets what the cycle has proven`,
  };
  const digest = digestOf(content);
  const writtenAt = new Date();
  await db.$transaction(async (tx) => {
    const row = { id, cycleId, clientId, parentId: parent.id, digest, content: toJson(content), writtenAt };
    await tx.changeRecord.createMany({ data: [{ ...row, personsAsked: 0 }], skipDuplicates: true });
    await appendAudit(tx, clientId, [written(id, writtenAt, content.why, { digest, parent: parent.id })]);
  });
}

type CycleRead = Awaited<ReturnType<typeof readCycle>>;

/**
 * Puts a record into force: its rings, and the end of those endpoints that have nothing due. A record that is there
 * stays as it is.
 */
async function writeRecord(
  cycleRead: CycleRead,
  id: string,
  compose: () => Promise<ChangeRecordContent>,
): Promise<ChangeRecordSummary> {
  const { db, cycle, policy } = cycleRead;
  const { id: cycleId, clientId } = cycle;
  const approval = policy.changeApproval ?? noApproval;
  const known = await db.changeRecord.findUnique({ where: { id } });
  if (!known) {
    const content = await compose();
    const writtenAt = new Date();
    await db.$transaction(async (tx) => {
      await tx.cycleEndpoint.updateMany({
        where: { cycleId, policyName: policy.name, state: { in: [...notBegun] }, NOT: whereDue },
        data: { ...columnsAfter(notBegun, 'unchanged'), endedAt: writtenAt, reasons: ['nothing was due'] },
      });
      for (const ring of content.rings) {
        for (const [ringOrder, { endpointId, because }] of ring.endpoints.entries()) {
          await tx.cycleEndpoint.update({
            where: { cycleId_endpointId: { cycleId, endpointId } },
            data: { ring: ring.ring, ringOrder, ringBecause: [...because] },
          });
        }
      }
      const digest = digestOf(content);
      const { parent } = content;
      await tx.changeRecord.create({
        data: {
          id,
          cycleId,
          clientId,
          ...(parent ? { parentId: parent.changeRecordId } : {}),
          digest,
          content: toJson(content),
          writtenAt,
          personsAsked: approval.persons,
        },
      });
      await appendAudit(tx, clientId, [
        written(id, writtenAt, content.why, { digest, parent: parent?.changeRecordId }),
      ]);
    });
  }
  const record = known ?? (await db.changeRecord.findUniqueOrThrow({ where: { id } }));
  return summaryOf(record, policy);
}

function summaryOf(record: { id: string; digest: string; content: unknown }, policy: Policy): ChangeRecordSummary {
  const approval = policy.changeApproval ?? noApproval;
  const content = record.content as ChangeRecordContent;
  const rings = content.rings.map((ring) => ring.ring);
  const endpoints = content.rings.flatMap((ring) => ring.endpoints);
  const patches = endpoints.flatMap((endpoint) => endpoint.patches);
  return {
    changeRecordId: record.id,
    digest: record.digest,
    rings,
    approvalAsked: approval.persons > 0,
    approvalWithinMinutes: approval.withinMinutes,
    heldGateDays: policy.deadlineDays,
    because: [
      `${patches.length} patches on ${endpoints.length} endpoints in rings ${rings.join(', ')}`,
      `digest ${record.digest.slice(0, 12)}`,
      ...(content.parent ? [`follows ${content.parent.changeRecordId}: ${content.why}`] : []),
      approval.persons > 0 ? `${approval.persons} approvals asked` : 'the policy asks for no approval',
    ],
  };
}

function written(changeRecordId: string, at: Date, why: string, detail: object): AuditEntry {
  return {
    key: `${changeRecordId} written`,
    at: at.toISOString(),
    actor: 'patchcycle',
    action: 'write change record',
    subject: changeRecordId,
    because: [why],
    detail,
  };
}

type DrawnRings = readonly Pick<PlannedRing, 'name' | 'because' | 'endpoints'>[];

/**
 * Due: patches are planned, or what is due is not known. An endpoint with nothing due proves nothing, so no ring is
 * drawn for it.
 */
const whereDue = {
  OR: [{ surveyedAt: null }, { patches: { some: { decision: { in: ['approved', 'added', 'dropped'] } } } }],
};

/**
 * Puts the members of the policy that have not ended into rings; an endpoint that has ended gets nothing again. Names
 * in a policy are names within the client.
 */
async function drawRings({ db, cycle, policy }: CycleRead, named: (ring: string) => string): Promise<DrawnRings> {
  const { id: cycleId } = cycle;
  const members = await db.cycleEndpoint.findMany({
    where: { cycleId, policyName: policy.name, outcome: null, ...whereDue },
    include: { endpoint: true },
    orderBy: { endpointId: 'asc' },
  });
  const { rings } = planRings({
    cycleId,
    rings: policy.rings,
    endpoints: members.map((member) => ({
      endpointName: nameIn(member.endpointId),
      criticality: member.endpoint.criticality as Criticality,
      online: member.online,
      redundancyGroup: member.endpoint.redundancyGroup,
      segment: member.segment,
    })),
  });
  return rings.map((ring) => ({ ...ring, name: named(ring.name) }));
}

async function composeRecord({ db, cycle, policy }: CycleRead, drawn: DrawnRings): Promise<ChangeRecordContent> {
  const { id: cycleId, clientId, policyVersion } = cycle;
  const where = { cycleId, ...wherePlanned };
  const rows = await db.cyclePatch.findMany({ where, orderBy: [...inPlanOrder] });
  const rowsOf = grouped(rows, (row) => row.endpointId);
  const rings = [];
  for (const ring of drawn) {
    const endpoints = [];
    for (const { endpointName, because } of ring.endpoints) {
      const endpointId = idIn(clientId, endpointName);
      const own = rowsOf.get(endpointId) ?? [];
      const explained = own.map((row) => ({ ...toPatch(row), because: row.because }));
      endpoints.push({ endpointId, because, planDigest: installOf(own).planDigest, patches: explained });
    }
    rings.push({ ring: ring.name, because: ring.because, endpoints });
  }
  return {
    cycleId,
    clientId,
    policy: { name: policyVersion.name, version: policyVersion.version, digest: policyVersion.digest },
    why: cycle.advisory ? `emergency for ${cycle.advisory}` : `cycle of ${cycle.civilDate}, ${cycle.trigger}`,
    startedBy: cycle.startedBy,
    sandbox: policy.sandbox.required ? 'a clone of each segment was patched first' : waivedBy(policyVersion),
    snapshot: policy.snapshot.required
      ? `before every install, kept ${policy.snapshot.keepDays} days`
      : waivedBy(policyVersion),
    rings,
  };
}
