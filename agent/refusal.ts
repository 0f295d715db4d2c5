import type { z } from 'zod';
import type { RefusalCode } from '../protocol/errors.ts';

/** The agent says no. `code` is for programs, the message is the sentence for people. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

const issuesShown = 3;

/** Says what is wrong and where: `body.patches[3].to: must be a Debian version`. */
export function describeIssues(error: z.ZodError, top = 'the body'): string {
  const issues = error.issues.map((issue) => describeIssue(issue, [], top));
  const more = issues.length - issuesShown;
  return `${issues.slice(0, issuesShown).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

function describeIssue(issue: z.core.$ZodIssue, above: readonly PropertyKey[], top: string): string {
  const path = [...above, ...issue.path];
  const branch = issue.code === 'invalid_union' ? meantBranch(issue) : undefined;
  if (branch) return describeIssue(branch, path, top);
  return `${path.length === 0 ? top : describePath(path)}: ${issue.message}`;
}

/** Of a union's branches the one that was most likely meant: fewest complaints, and none about unknown keys. */
function meantBranch(issue: z.core.$ZodIssueInvalidUnion): z.core.$ZodIssue | undefined {
  const byComplaints = issue.errors.toSorted((a, b) => a.length - b.length);
  const meant = byComplaints.find((issues) => issues.every((each) => each.code !== 'unrecognized_keys'));
  return meant?.[0];
}

function describePath(path: readonly PropertyKey[]): string {
  return path
    .map((key, at) => (typeof key === 'number' ? `[${key}]` : at === 0 ? String(key) : `.${String(key)}`))
    .join('');
}
