/** Prints facts: a table for people, one line of JSON for programs. */

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value));
}

export function printTable(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) return;
  console.log(tableLines(heads, rows).join('\n'));
}

export function tableLines(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(heads.map((head) => head.toUpperCase())), ...rows.map(line)];
}
