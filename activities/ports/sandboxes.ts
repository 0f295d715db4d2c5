import type { AgentIdentity } from './agent.ts';

/** What a sandbox's agent proves itself with, PEM. The certificate answers the request that `prepare` gave. */
export type SandboxIdentity = { readonly certificate: string; readonly authority: string };

/**
 * Clones of an endpoint to try patches on. A clone has its own identity (machine-id, host name, certificate),
 * an empty ledger, generation 1, and a network from which production cannot be reached.
 * Ids are derived and every step may be repeated: preparing or starting the same sandbox twice is one sandbox,
 * destroying what is gone is fine. Throws `SandboxFailed`.
 */
export interface SandboxPort {
  /**
   * Clones the endpoint at one point in time, takes the original's identity out and makes a new key inside.
   * The key never leaves the clone: what comes back is a certificate request (PKCS#10, PEM).
   */
  prepare(endpointId: string, sandboxId: string): Promise<{ readonly certificateRequest: string }>;
  /** Gives the clone its certificate and boots it. The returned agent carries the sandbox's own id as `endpointId`. */
  start(sandboxId: string, identity: SandboxIdentity): Promise<AgentIdentity>;
  /** Stops the clone and removes everything of it. */
  destroy(sandboxId: string): Promise<void>;
  /** Sandboxes that exist. */
  list(): Promise<readonly string[]>;
}

/** The sandbox could not be made or started. `retryable` when trying again can help. */
export class SandboxFailed extends Error {
  override readonly name = 'SandboxFailed';
  readonly retryable: boolean;
  constructor(message: string, retryable: boolean) {
    super(message);
    this.retryable = retryable;
  }
}
