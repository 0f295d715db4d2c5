/** Step 6: the change record. Rings carry out this record and nothing else. */
import { ApplicationFailure } from '@temporalio/activity';
import { type ChangeRecordSummary, type EndpointOrder, idIn, lateRecordId, nameIn } from '../domain/cycle.ts';
import type { Criticality, Policy } from '../domain/policy.ts';
import { type PlannedRing, planRings } from '../domain/rings.ts';
import { type AuditEntry, appendAudit, digestOf, toJson } from './audit-trail.ts';
import { planOf } from './install-plans.ts';
import type { Database, Tenants } from './ports/database.ts';
import { openCycleOf, waivedBy } from './rows.ts';

/** How long a record that needs no person's approval would wait for one. */
const noApproval = { persons: 0, withinMinutes: 0 };

/** What a change record says. Its digest is the SHA-256 of this as canonical JSON (RFC 8785). */
export type ChangeRecordContent = {
  readonly cycleId: string;
  readonly clientId: string;
  readonly policy: { readonly name: string; readonly version: number; readonly digest: string };
  readonly why: string;
  readonly startedBy: string;
  readonly sandbox: string;
  readonly snapshot: string;
  readonly rings: readonly {
    readonly ring: string;
    readonly because: readonly string[];
    readonly endpoints: readonly {
      readonly endpointId: string;
      readonly because: readonly string[];
      readonly planDigest: string;
      readonly patches: readonly {
        readonly package: string;
        readonly architecture: string;
        readonly from: string | null;
        readonly to: string;
        readonly because: readonly string[];
      }[];
    }[];
  }[];
};

export function changeRecordActivities({ tenants }: { tenants: Tenants }) {
  return {
    /** Draws the rings and writes the record once; written again it is the same record. */
    async writeChangeRecord({ cycleId }: { cycleId: string }): Promise<ChangeRecordSummary> {
      const opened = await openCycleOf(tenants, cycleId);
      const { db, cycle, policy } = opened;
      const approval = policy.changeApproval ?? noApproval;
      const id = `${cycleId}/record-1`;
      const known = await db.changeRecord.findUnique({ where: { id } });
      if (!known) {
        const content = await composeRecord(opened, await drawRings(db, cycleId, policy));
        const writtenAt = new Date();
        await db.$transaction(async (tx) => {
          await tx.cycleEndpoint.updateMany({
            where: { cycleId, policyName: policy.name, outcome: null, NOT: hasSomethingDue },
            data: { state: 'ended', outcome: 'unchanged', endedAt: writtenAt, reasons: ['nothing was due'] },
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
          const { clientId } = cycle;
          await tx.changeRecord.create({
            data: {
              id,
              cycleId,
              clientId,
              digest,
              content: toJson(content),
              writtenAt,
              personsAsked: approval.persons,
            },
          });
          await appendAudit(tx, clientId, [written(id, writtenAt, content.why, { digest })]);
        });
      }
      const record = known ?? (await db.changeRecord.findUniqueOrThrow({ where: { id } }));
      const content = record.content as unknown as ChangeRecordContent;
      const rings = content.rings.map((ring) => ring.ring);
      const endpoints = content.rings.flatMap((ring) => ring.endpoints);
      const patches = endpoints.flatMap((endpoint) => endpoint.patches);
      return {
        changeRecordId: id,
        digest: record.digest,
        rings,
        approvalAsked: approval.persons > 0,
        approvalWithinMinutes: approval.withinMinutes,
        heldGateDays: policy.deadlineDays,
        because: [
          `${patches.length} patches on ${endpoints.length} endpoints in rings ${rings.join(', ')}`,
          `digest ${record.digest.slice(0, 12)}`,
          approval.persons > 0 ? `${approval.persons} approvals asked` : 'the policy asks for no approval',
        ],
      };
    },

    /**
     * Writes a successor of the cycle's record, for an endpoint that was planned after it: what it gets, that others
     * have proven it, and why it comes late. Written again it is the same record.
     */
    async extendChangeRecord({ order }: { order: EndpointOrder }): Promise<void> {
      const { cycleId, clientId, endpointId } = order;
      const opened = await openCycleOf(tenants, cycleId);
      const { db } = opened;
      const parent = await db.changeRecord.findFirst({ where: { cycleId }, orderBy: { writtenAt: 'desc' } });
      if (!parent) throw ApplicationFailure.nonRetryable(`${cycleId} has no change record`, 'RecordUnknown');
      const id = lateRecordId(cycleId, endpointId);
      if (parent.id === id) return;
      const content = {
        ...(await composeRecord(opened, [
          {
            name: order.ring,
            because: [],
            endpoints: [{ endpointId: nameIn(endpointId), because: ['it came back late'] }],
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
    },
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

/** Due: planned patches, or nobody knows. An endpoint with nothing due proves nothing, so no ring is drawn for it. */
const hasSomethingDue = {
  OR: [{ surveyedAt: null }, { patches: { some: { decision: { in: ['approved', 'added', 'dropped'] } } } }],
};

/** Puts the members of the policy into rings. Names in a policy are names within the client. */
async function drawRings(db: Database, cycleId: string, policy: Policy): Promise<DrawnRings> {
  const members = await db.cycleEndpoint.findMany({
    where: { cycleId, policyName: policy.name, ...hasSomethingDue },
    include: { endpoint: true },
    orderBy: { endpointId: 'asc' },
  });
  return planRings({
    cycleId,
    rings: policy.rings,
    endpoints: members.map((member) => ({
      endpointId: nameIn(member.endpointId),
      criticality: member.endpoint.criticality as Criticality,
      online: member.online,
      redundancyGroup: member.endpoint.redundancyGroup,
      segment: member.segment,
    })),
  }).rings;
}

async function composeRecord(
  { db, cycle, policy }: Awaited<ReturnType<typeof openCycleOf>>,
  drawn: DrawnRings,
): Promise<ChangeRecordContent> {
  const { id: cycleId, clientId, policyVersion } = cycle;
  const patches = await db.cyclePatch.findMany({ where: { cycleId, decision: { in: ['approved', 'added'] } } });
  const reasons = new Map(patches.map((row) => [`${row.endpointId} ${row.package}:${row.architecture}`, row.because]));
  const rings = [];
  for (const ring of drawn) {
    const endpoints = [];
    for (const { endpointId: name, because } of ring.endpoints) {
      const endpointId = idIn(clientId, name);
      const plan = await planOf(db, policy, cycleId, endpointId);
      const explained = plan.patches.map((patch) => ({
        ...patch,
        because: reasons.get(`${endpointId} ${patch.package}:${patch.architecture}`) ?? [],
      }));
      endpoints.push({ endpointId, because, planDigest: plan.planDigest, patches: explained });
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
