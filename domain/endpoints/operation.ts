import type { Patch } from '../patch.ts';

/** The effects an agent can be asked for. Each has an id made by the caller from what it is for. */
export type OperationKind = 'prefetch' | 'install' | 'repair' | 'roll back packages' | 'reboot' | 'restart services';

export type OperationBody =
  | {
      readonly kind: 'prefetch';
      readonly patches: readonly Patch[];
      /** It fails unless every installed version is kept for the rollback. */
      readonly keepOld?: boolean | undefined;
    }
  | {
      readonly kind: 'install';
      readonly patches: readonly Patch[];
      /**
       * Packages that the change record allows to be removed. Would another be, or one downgraded, nothing is
       * installed.
       */
      readonly allowRemove: readonly string[];
      readonly limitMinutes: number;
    }
  | { readonly kind: 'repair'; readonly patches: readonly Patch[]; readonly limitMinutes: number }
  /**
   * Back to exactly the versions from before, from the packages that were kept; new ones go. Nothing unless all are
   * kept.
   */
  | {
      readonly kind: 'roll back packages';
      readonly patches: readonly Patch[];
      /** Names of those that are held afterwards, so that no later run installs the patch again. */
      readonly hold: readonly string[];
      readonly limitMinutes: number;
    }
  /** Leaves the boot that is named; already another boot means it has happened. */
  | { readonly kind: 'reboot'; readonly leaveBootId: string }
  | { readonly kind: 'restart services'; readonly services: readonly string[] };

/** Issued after the halts were read; at most a second old when it is used. */
export type Permit = { readonly permitId: string; readonly issuedAt: string };

export type Operation = {
  /** 64 hexadecimal digits: hash of client, cycle, endpoint, step, plan digest and generation. */
  readonly operationId: string;
  readonly generation: number;
  readonly permit: Permit;
  readonly body: OperationBody;
};

/**
 * `running`: the agent works on it. `succeeded` and `failed`: it ended and this is what was observed.
 * `interrupted`: a crash or reboot cut it short; what is true now must be observed.
 */
export type OperationState = 'running' | 'succeeded' | 'failed' | 'interrupted';

export type OperationReport = {
  readonly operationId: string;
  readonly kind: OperationKind;
  readonly generation: number;
  readonly state: OperationState;
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** One sentence: what happened, or what it is doing. */
  readonly because: string;
  /** Packages whose own step failed (unpack, configure), where the package manager tells. */
  readonly packagesAtFault: readonly string[];
  /** The last lines of the package manager's output, at most 4 KiB. */
  readonly logTail: string;
};

export type RebootRule = 'if required' | 'never' | 'always';
