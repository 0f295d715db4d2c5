/** Endpoints that could not be patched with their ring: who they are, and when their turn comes. */
import { type EndpointOrder, type RingOrder } from '../domain/cycle.ts';
import { defaultExpectedMinutes, fits, nextOpening } from '../domain/window.ts';
import { windowsOf } from './admissions.ts';
import { appendAudit } from './audit-trail.ts';
import type { Tenants } from './ports/database.ts';
import { haltInForce, openCycleOf, referenceTo } from './rows.ts';

const dayMilliseconds = 24 * 60 * 60 * 1000;
/** How long a straggler waits for what has no time of its own: the end of its cycle, the release of a halt. */
const patienceSeconds = 60;
/** How long an agent is waited for before its turn is judged again. */
const turnSeconds = 15 * 60;

export type Turn = {
  /** With the address at which the endpoint is called now. */
  readonly order: EndpointOrder;
  readonly verdict: 'go' | 'wait' | 'over';
  readonly seconds: number;
  readonly because: readonly string[];
};

export function catchUpActivities({ tenants }: { tenants: Tenants }) {
  return {
    /** Members that have neither ended nor can go on with the ring; each gets a deadline. */
    async stragglersOf({ cycleId, ring }: RingOrder): Promise<readonly EndpointOrder[]> {
      const { db, cycle, policy } = await openCycleOf(tenants, cycleId);
      const deadlineAt = new Date(cycle.startedAt.getTime() + policy.deadlineDays * dayMilliseconds);
      const where = { cycleId, ring, state: 'waiting', endpoint: { enrolledAt: { not: null } } };
      await db.cycleEndpoint.updateMany({ where, data: { deadlineAt } });
      const rows = await db.cycleEndpoint.findMany({ where, include: { endpoint: true } });
      return rows.map((row) => ({ ...referenceTo(row.endpoint), cycleId, clientId: cycle.clientId, ring }));
    },

    /**
     * Whether a straggler's turn has come: its record must still be the newest for it and not halted, its deadline not
     * passed, its cycle done with the others, its window open. Whether it is online is asked afterwards.
     */
    async mayCatchUp({ order: asked }: { order: EndpointOrder }): Promise<Turn> {
      const { cycleId, endpointId } = asked;
      const { db, cycle } = await openCycleOf(tenants, cycleId);
      const row = await db.cycleEndpoint.findUniqueOrThrow({
        where: { cycleId_endpointId: { cycleId, endpointId } },
        include: { endpoint: true },
      });
      const order = { ...asked, ...referenceTo(row.endpoint) };
      const turn = (verdict: Turn['verdict'], seconds: number, because: string): Turn => ({
        order,
        verdict,
        seconds: Math.max(1, Math.ceil(seconds)),
        because: [because],
      });
      if (row.state === 'ended') return turn('over', 0, `it has ended: ${row.outcome}`);
      if (row.state === 'unknown')
        return turn('over', 0, 'nobody knows how the work on it ended; a person has to look');

      const now = new Date();
      const newer = await db.cycleEndpoint.findFirst({
        where: {
          endpointId,
          ring: { not: null },
          cycle: { kind: cycle.kind, startedAt: { gt: cycle.startedAt } },
          OR: [{ outcome: null }, { outcome: { not: 'skipped' } }],
        },
      });
      if (newer) {
        await end(asked, 'superseded', `superseded by ${newer.cycleId}`);
        return turn('over', 0, `superseded by ${newer.cycleId}`);
      }
      const deadline = row.deadlineAt ?? new Date(now.getTime() + dayMilliseconds);
      if (now > deadline) {
        await escalate(asked, deadline);
        return turn('over', 0, `its deadline ${deadline.toISOString()} passed`);
      }
      const halted = await haltInForce(db, cycleId);
      if (halted) return turn('wait', patienceSeconds, halted);
      if (!row.online && cycle.state === 'running')
        return turn('wait', patienceSeconds, 'it gets what its cycle proves on others, and that is under way');

      const untilDeadline = (deadline.getTime() - now.getTime()) / 1000;
      const windows = await windowsOf(db, cycleId, row.siteId);
      if (fits(windows, now.toISOString(), defaultExpectedMinutes))
        return turn('go', Math.min(turnSeconds, untilDeadline), 'its window is open');
      const next = nextOpening(windows, now.toISOString(), defaultExpectedMinutes);
      const untilNext = next ? (Date.parse(next.opensAt) - now.getTime()) / 1000 : untilDeadline;
      return turn(
        'wait',
        Math.min(untilNext, untilDeadline),
        next ? `its window opens ${next.words}` : 'no window is known',
      );
    },
  };

  async function end(
    { cycleId, endpointId, clientId }: EndpointOrder,
    outcome: string,
    because: string,
  ): Promise<void> {
    await tenants.forClient(clientId).cycleEndpoint.update({
      where: { cycleId_endpointId: { cycleId, endpointId } },
      data: { state: 'ended', outcome, waitingFor: null, endedAt: new Date(), reasons: [because] },
    });
  }

  /** It stays in the record as waiting, and a person is told. */
  async function escalate({ cycleId, endpointId, clientId }: EndpointOrder, deadline: Date): Promise<void> {
    const because = `its deadline ${deadline.toISOString()} passed; a person has to look at it`;
    await tenants.forClient(clientId).$transaction(async (tx) => {
      const key = { cycleId_endpointId: { cycleId, endpointId } };
      const row = await tx.cycleEndpoint.findUniqueOrThrow({ where: key });
      const reasons = row.reasons.includes(because) ? row.reasons : [...row.reasons, because];
      await tx.cycleEndpoint.update({ where: key, data: { reasons } });
      await appendAudit(tx, clientId, [
        {
          key: `${cycleId} ${endpointId} escalated`,
          at: new Date().toISOString(),
          actor: 'patchcycle',
          action: 'escalate',
          subject: `${cycleId} ${endpointId}`,
          because: [because],
        },
      ]);
    });
  }
}
