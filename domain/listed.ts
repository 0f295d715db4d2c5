/** Names for a sentence: `a, b and c`; more than `atMost` become `a, b and 7 more`, so that a sentence stays one. */
export function listed(names: readonly string[], atMost = 8): string {
  const rest = names.length - atMost;
  if (rest > 0) return `${names.slice(0, atMost).join(', ')} and ${rest} more`;
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
