/** An instant as facts carry it. */
export function iso(at: Date | null | undefined): string | null {
  return at?.toISOString() ?? null;
}
