import type { PatchId } from '../patch.ts';

/** What a change record says. Its digest is the SHA-256 of this as canonical JSON (RFC 8785). */
export type ChangeRecordContent = {
  readonly cycleId: string;
  readonly clientId: string;
  /** The record it follows; the first of a cycle follows none. */
  readonly parent?: { readonly changeRecordId: string; readonly digest: string };
  /** What the parent had and this one does not. */
  readonly dropped?: readonly PatchId[];
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
