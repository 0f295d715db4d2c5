/** Step 6: the change record. Rings carry out this record and nothing else. */
import { type ChangeRecordSummary, idIn, nameIn } from '../domain/cycle.ts';
import type { Criticality } from '../domain/policy.ts';
import { planRings } from '../domain/rings.ts';
import { appendAudit, digestOf, toJson } from './audit-trail.ts';
import { planOf } from './install-plans.ts';
import type { Tenants } from './ports/database.ts';
import { openCycleOf } from './rows.ts';

/** How long a record that needs no person's approval would wait for one. */
const noApproval = { persons: 0, withinMinutes: 0 };

/** What a change record says. Its digest is the SHA-256 of this as canonical JSON (RFC 8785). */
export type ChangeRecordContent = {
  readonly cycleId: string;
  readonly clientId: string;
  readonly policy: { readonly name: string; readonly version: number; readonly digest: string };
  readonly why: string;
  readonly startedBy: string;
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
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      const approval = policy.changeApproval ?? noApproval;
      const id = `${cycleId}/record-1`;
      const known = await db.changeRecord.findUnique({ where: { id } });
      if (!known) {
        const content = await compose(db, cycleId);
        const writtenAt = new Date();
        await db.$transaction(async (tx) => {
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
          await appendAudit(tx, clientId, [
            {
              key: `${id} written`,
              at: writtenAt.toISOString(),
              actor: 'patchcycle',
              action: 'write change record',
              subject: id,
              because: [content.why],
              detail: { digest },
            },
          ]);
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
        because: [
          `${patches.length} patches on ${endpoints.length} endpoints in rings ${rings.join(', ')}`,
          `digest ${record.digest.slice(0, 12)}`,
          approval.persons > 0 ? `${approval.persons} approvals asked` : 'the policy asks for no approval',
        ],
      };
    },
  };

  async function compose(db: ReturnType<Tenants['forClient']>, cycleId: string): Promise<ChangeRecordContent> {
    const { cycle, policy } = await openCycleOf(tenants, cycleId);
    const { clientId } = cycle;
    const members = await db.cycleEndpoint.findMany({
      where: { cycleId, policyName: cycle.policyVersion.name },
      include: { endpoint: true, patches: true },
      orderBy: { endpointId: 'asc' },
    });
    const drawn = planRings({
      cycleId,
      rings: policy.rings,
      endpoints: members.map((member) => ({
        endpointId: nameIn(member.endpointId),
        criticality: member.endpoint.criticality as Criticality,
        online: member.online,
        redundancyGroup: member.endpoint.redundancyGroup,
        segment: member.segment,
      })),
    });
    const rings = await Promise.all(
      drawn.rings.map(async (ring) => ({
        ring: ring.name,
        because: ring.because,
        endpoints: await Promise.all(
          ring.endpoints.map(async ({ endpointId: name, because }) => {
            const endpointId = idIn(clientId, name);
            const plan = await planOf(db, policy, cycleId, endpointId);
            const rows = members.find((member) => member.endpointId === endpointId)?.patches ?? [];
            const reasons = new Map(rows.map((row) => [`${row.package}:${row.architecture}`, row.because]));
            return {
              endpointId,
              because,
              planDigest: plan.planDigest,
              patches: plan.patches.map((patch) => ({
                ...patch,
                because: reasons.get(`${patch.package}:${patch.architecture}`) ?? [],
              })),
            };
          }),
        ),
      })),
    );
    return {
      cycleId,
      clientId,
      policy: {
        name: cycle.policyVersion.name,
        version: cycle.policyVersion.version,
        digest: cycle.policyVersion.digest,
      },
      why: cycle.advisory ? `emergency for ${cycle.advisory}` : `cycle of ${cycle.civilDate}, ${cycle.trigger}`,
      startedBy: cycle.startedBy,
      snapshot: policy.snapshot.required
        ? `before every install, kept ${policy.snapshot.keepDays} days`
        : `waived by policy ${policy.name}, version ${cycle.policyVersion.version}, applied by ${cycle.policyVersion.appliedBy}`,
      rings,
    };
  }
}
