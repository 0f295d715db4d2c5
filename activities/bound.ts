/** The activities of a table, each with the ports it needs bound to it: `admit(ports, input)` becomes `admit(input)`. */
export function bound<Ports, Table extends Record<string, (ports: Ports, ...input: never[]) => Promise<unknown>>>(
  ports: Ports,
  table: Table,
): { readonly [Name in keyof Table]: Bound<Table[Name]> } {
  const entries = Object.entries(table).map(([name, act]) => [name, (...input: never[]) => act(ports, ...input)]);
  return Object.fromEntries(entries) as { readonly [Name in keyof Table]: Bound<Table[Name]> };
}

type Bound<Act> = Act extends (ports: never, ...input: infer Input) => infer Answer
  ? (...input: Input) => Answer
  : never;
