import type { Check, CheckResult } from '../../domain/endpoints/check.ts';
import type { AgentAddress, AgentHealth, BootState, Inventory } from '../../domain/endpoints/endpoint.ts';
import type { Evidence } from '../../domain/endpoints/evidence.ts';
import type { Operation, OperationReport } from '../../domain/endpoints/operation.ts';
import type { AvailableUpdate, DryRun, Patch } from '../../domain/patch.ts';
import type { ChangelogEntry } from '../../domain/patches/advisory.ts';

/** Whom to call: the address, and the name its certificate must carry. */
export type AgentIdentity = {
  readonly endpointId: string;
  readonly address: AgentAddress;
};

/**
 * One agent on one endpoint. Questions may be asked at any time and change nothing but package lists.
 * Effects go through `submit` alone. An implementation must authenticate both sides, must give up within
 * `signal` or its own time-out, and must throw only `AgentRefused`, `AgentUnreachable` or `AgentUnreadable`.
 */
export interface AgentPort {
  /** Whether it is there, and of which generation and boot. Cheap: asked often, given up after a few seconds. */
  health(agent: AgentIdentity, signal?: AbortSignal): Promise<AgentHealth>;
  inventory(agent: AgentIdentity, signal?: AbortSignal): Promise<Inventory>;
  /** Which boot runs, and whether a reboot is due: a small part of `observe`. */
  pendingReboot(agent: AgentIdentity, signal?: AbortSignal): Promise<BootState>;
  /** Refreshes the package lists first; a mirror that cannot be reached is a refusal, never an empty answer. */
  availableUpdates(agent: AgentIdentity, signal?: AbortSignal): Promise<readonly AvailableUpdate[]>;
  dryRun(agent: AgentIdentity, patches: readonly Patch[], signal?: AbortSignal): Promise<DryRun>;
  /** Changelog entries newer than the installed version, of packages prefetched before. */
  changelogs(agent: AgentIdentity, patches: readonly Patch[], signal?: AbortSignal): Promise<readonly ChangelogEntry[]>;
  checks(agent: AgentIdentity, checks: readonly Check[], signal?: AbortSignal): Promise<readonly CheckResult[]>;
  observe(
    agent: AgentIdentity,
    what: { readonly packages: readonly string[]; readonly checks: readonly Check[] },
    signal?: AbortSignal,
  ): Promise<Evidence>;
  /** Submits an effect. The same id again answers from the ledger and does nothing. */
  submit(agent: AgentIdentity, operation: Operation, signal?: AbortSignal): Promise<OperationReport>;
  /** The report of an operation; null when the agent never heard of it. */
  report(agent: AgentIdentity, operationId: string, signal?: AbortSignal): Promise<OperationReport | null>;
}

/** The agent said no, and why. */
export class AgentRefused extends Error {
  override readonly name = 'AgentRefused';
  readonly code: string;
  readonly status: number;
  constructor(message: string, code: string, status: number) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** No answer: off, cut off, or starting. Worth asking again. */
export class AgentUnreachable extends Error {
  override readonly name = 'AgentUnreachable';
}

/** It answered what the protocol does not know. Permanent: a newer or hostile agent. */
export class AgentUnreadable extends Error {
  override readonly name = 'AgentUnreadable';
}
