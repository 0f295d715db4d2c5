/** Names for a sentence: `a, b and c`; more than `atMost` become `a, b and 7 more`, so that a sentence stays one. */
export function listed(names: readonly string[], atMost = 8): string {
  const rest = names.length - atMost;
  if (rest > 0) return `${names.slice(0, atMost).join(', ')} and ${rest} more`;
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** A length of time for people: `10 seconds`, `45 minutes`, `3 hours 20 minutes`, `2 days 4 hours`. */
export function sayMinutes(minutes: number): string {
  if (minutes < 2 && !Number.isInteger(minutes)) return plural(Math.round(minutes * 60), 'second');
  const whole = Math.floor(minutes);
  const [days, hours, rest] = [Math.floor(whole / 1440), Math.floor((whole % 1440) / 60), whole % 60];
  if (days > 0) return [plural(days, 'day'), ...(hours > 0 ? [plural(hours, 'hour')] : [])].join(' ');
  if (hours > 0) return [plural(hours, 'hour'), ...(rest > 0 ? [plural(rest, 'minute')] : [])].join(' ');
  return plural(rest, 'minute');
}

function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
