/** A check asks an endpoint whether something works. Agents run them; policies name them. */
export type Check =
  | { readonly service: string }
  | { readonly http: string; readonly expect: number }
  | { readonly port: number };

export type CheckResult = {
  /** The check in words, the same before and after: `service nginx`, `http http://localhost/ → 200`, `port 22`. */
  readonly check: string;
  readonly passed: boolean;
  /** What was seen: `active`, `failed`, `503`, `connection refused`. */
  readonly observed: string;
};

/** Names a check in an operator's words; results are matched by this name. */
export function describeCheck(check: Check): string {
  if ('service' in check) return `service ${check.service}`;
  if ('http' in check) return `http ${check.http} → ${check.expect}`;
  return `port ${check.port}`;
}
