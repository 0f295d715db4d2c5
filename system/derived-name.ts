import { createHash } from 'node:crypto';

/** A short name, the same for the same purpose, that files, certificates and kernels accept: `snapshot-3f6c1d0a94be`. */
export function derivedName(kind: string, purpose: string): string {
  return `${kind}-${createHash('sha256').update(purpose).digest('hex').slice(0, 12)}`;
}
