/** Whether the Node that runs the control plane still gets security updates. */

export type RuntimeSupport = {
  /** `20.20.2`. */
  readonly version: string;
  readonly state: 'supported' | 'ended' | 'unknown';
  readonly supportEndsAt: string | null;
  /** One sentence; says what to do unless it is supported. */
  readonly because: string;
};

const advice = 'run Patchcycle on Node 24 or on a later LTS release';

/** @param endsAt the end of security support for the release line; null when no source knows it */
export function judgeRuntimeSupport(version: string, endsAt: string | null, now: string): RuntimeSupport {
  const judged = { version, supportEndsAt: endsAt };
  if (endsAt === null) {
    const because = `No source knows until when Node ${version} has security support: ${advice}.`;
    return { ...judged, state: 'unknown', because };
  }
  const day = endsAt.slice(0, 10);
  if (Date.parse(endsAt) > Date.parse(now)) {
    return { ...judged, state: 'supported', because: `Node ${version} has security support until ${day}.` };
  }
  const because = `Node ${version} has had no security support since ${day}: ${advice}.`;
  return { ...judged, state: 'ended', because };
}
