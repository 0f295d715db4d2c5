/** One policy as an operator writes it in YAML, read into a layer of a policy. */
import { z } from 'zod';
import type { Check } from '../../domain/endpoints/check.ts';
import type { Conditions } from '../../domain/policies/policy.ts';
import { checkSchema, packageName } from '../../protocol/agent.ts';
import { entry, oneOrMore, wordOr } from './entries.ts';
import {
  amount,
  changeApproval,
  civilDay,
  civilFrom,
  civilUntil,
  delayMinutes,
  durationDays,
  durationMinutes,
  opening,
  percentage,
  take,
  verifiedAtLeast,
  versionOrRange,
  versionRange,
} from './operators-words.ts';
import type { PolicyLayer } from '../../domain/policies/looser.ts';

/** Names enter ids that are divided by slashes, and host names. */
export const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'is not a name; write small letters, digits and dashes, like berlin-web-1');
export const sentence = z.string().trim().min(1, 'is empty; write a sentence');

export const conditions = entry({
  segment: oneOrMore(name).optional(),
  os: oneOrMore(z.string()).optional(),
  version: oneOrMore(versionOrRange).optional(),
  role: oneOrMore(z.string()).optional(),
  criticality: oneOrMore(z.enum(['low', 'medium', 'high'])).optional(),
  owner: oneOrMore(z.string()).optional(),
  site: oneOrMore(name).optional(),
  type: oneOrMore(z.enum(['physical', 'virtual', 'container'])).optional(),
  tag: oneOrMore(z.string()).optional(),
}) satisfies z.ZodType<Conditions>;

export const blackouts = z.array(entry({ from: civilFrom, until: civilUntil, because: sentence }));

const owned = { because: sentence, owner: sentence, until: civilDay };

const severities = z.enum(['critical', 'important', 'moderate', 'low', 'unknown', 'any']);

const approveRule = entry({
  class: z.enum(['security', 'bugfix', 'feature']),
  severity: oneOrMore(severities).optional(),
  when: delayMinutes,
}).transform(({ class: kind, severity = ['any'], when }) => {
  const named = severity.filter((each) => each !== 'any');
  return { class: kind, severity: named.length === severity.length ? named : null, delayMinutes: when };
});

const listedPackage = entry({ package: packageName, versions: versionRange.optional(), ...owned }).transform(
  ({ versions = null, ...rule }) => ({ ...rule, versions }),
);

const exception = entry({
  package: packageName.optional(),
  cve: z
    .string()
    .regex(/^CVE-\d{4}-\d{4,}$/, 'is not a CVE; write CVE-2026-12345')
    .optional(),
  endpoints: oneOrMore(name).optional(),
  ...owned,
})
  .refine((rule) => rule.package ?? rule.cve ?? rule.endpoints, 'excepts nothing; name a package, a cve or endpoints')
  .transform(({ package: named = null, cve = null, endpoints = null, ...rule }) => ({
    ...rule,
    package: named,
    cve,
    endpoints,
  }));

const ring = entry({
  name,
  take: take.optional(),
  segments: oneOrMore(name).optional(),
  endpoints: oneOrMore(name).optional(),
}).transform(({ name: named, take: taken = 'rest', segments = null, endpoints = [] }) => ({
  name: named,
  take: taken,
  segments,
  endpoints,
}));

const rings = z.array(ring).superRefine((all, context) => {
  const complain = (index: number, message: string) => context.addIssue({ code: 'custom', path: [index], message });
  for (const [index, each] of all.entries()) {
    const isLast = index === all.length - 1;
    const takesAll = each.take === 'rest' && each.segments === null;
    if (all.findIndex((other) => other.name === each.name) < index) complain(index, `ring ${each.name} is there twice`);
    if (isLast && !takesAll)
      complain(index, 'is the last ring and must take the rest of all segments; write { name: rest }');
    if (!isLast && takesAll)
      complain(index, 'takes the rest, so nobody is left for the rings after it; write what it takes');
  }
});

const windowRule = entry({ opens: opening, lasts: durationMinutes }).transform(({ opens, lasts }) => ({
  words: opens.words,
  opens: opens.opens,
  lastsMinutes: lasts,
}));
const windows = wordOr({ any: 'always', always: 'always' } as const, z.array(windowRule).min(1));

const check = z.unknown().transform((value, context): Check => {
  const read = checkSchema.safeParse(value);
  if (read.success) return read.data;
  const message = `is not a check; write { service: nginx }, { http: "http://localhost/health", expect: 200 } or { port: 22 }`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const gate = entry({
  soak: durationMinutes.optional(),
  atLeast: verifiedAtLeast.optional(),
  failuresAtMost: z.int().min(0).optional(),
  failureShareAtMost: percentage.optional(),
}).transform(({ soak, atLeast, failuresAtMost, failureShareAtMost }) => ({
  soakMinutes: soak,
  atLeastVerified: atLeast,
  failuresAtMost,
  failurePercentAtMost: failureShareAtMost,
}));

const emergency = entry({
  soak: durationMinutes.optional(),
  windows: windows.optional(),
  approval: changeApproval.optional(),
}).transform(({ soak, windows: open, approval }) => ({ soakMinutes: soak, windows: open, changeApproval: approval }));

const snapshot = entry({ required: z.boolean().optional(), keep: durationDays.optional() }).transform(
  ({ required, keep }) => ({ required, keepDays: keep }),
);

/** A policy file. What is left out is not stated: it comes from what the policy extends, or has a careful default. */
export const policyFileSchema = entry({
  policy: name,
  extends: name.optional(),
  applies: wordOr({ everything: {} }, conditions).optional(),
  mode: z.enum(['patch', 'report only']).optional(),
  approve: z.array(approveRule).optional(),
  allow: z.array(listedPackage).optional(),
  block: z.array(listedPackage).optional(),
  exceptions: z.array(exception).optional(),
  rings: rings.min(1).optional(),
  gate: gate.optional(),
  afterHalt: z.enum(['stop', 'ask', 'go on']).optional(),
  budget: amount.optional(),
  windows: windows.optional(),
  blackouts: blackouts.optional(),
  sandbox: entry({ required: z.boolean() }).optional(),
  snapshot: snapshot.optional(),
  rollback: z.enum(['machine', 'packages']).optional(),
  reboot: z.enum(['if required', 'never', 'always']).optional(),
  checks: z.array(check).optional(),
  approval: changeApproval.optional(),
  deadline: durationDays.optional(),
  emergency: emergency.optional(),
}).transform(({ policy, extends: above = null, applies = null, approval, deadline, ...fields }) => ({
  ...fields,
  name: policy,
  extends: above,
  applies,
  changeApproval: approval,
  deadlineDays: deadline,
})) satisfies z.ZodType<PolicyLayer>;
