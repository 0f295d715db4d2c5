/** An instant as facts carry it. */
export function iso(at: Date | null | undefined): string | null {
  return at?.toISOString() ?? null;
}

export const dayMilliseconds = 24 * 60 * 60 * 1000;
