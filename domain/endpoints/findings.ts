/** What speaks against a proof, finding by finding: what was seen after the work, held against what was seen before. */
import type { Evidence } from './evidence.ts';
import type { Patch } from '../patch.ts';
import type { RebootRule } from './operation.ts';

type Finding = { readonly because: string; readonly atFault: readonly string[] };

export function versionsIn({ installed }: Evidence): string {
  return installed
    .map((at) => `${at.package}:${at.architecture}=${at.version}`)
    .toSorted()
    .join(' ');
}

export function notInstalled(patches: readonly Patch[], after: Evidence): Finding[] {
  return patches.flatMap((patch) => {
    const version = installedVersion(after, patch);
    if (version === patch.to) return [];
    const seen = version === null ? 'is not installed' : `is at ${version}`;
    return [{ because: `${patch.package} ${seen}, planned was ${patch.to}`, atFault: [patch.package] }];
  });
}

export function notRolledBack(patches: readonly Patch[], before: Evidence, after: Evidence): string[] {
  return patches.flatMap((patch) => {
    const [was, is] = [installedVersion(before, patch), installedVersion(after, patch)];
    return was === is ? [] : [`${patch.package} is ${is ?? 'not installed'}, and was ${was ?? 'not installed'} before`];
  });
}

/**
 * Rule 5 (docs/rules.md#rule-5) asks for a clean audit, whatever it was before; files that were altered before are the
 * client's own.
 */
export function unclean(before: Evidence, after: Evidence, patches: readonly Patch[]): Finding[] {
  const complaints = [
    { program: 'dpkg --audit', text: after.audit },
    { program: 'apt-get check', text: after.dependencyProblems },
  ];
  const findings: Finding[] = complaints
    .filter(({ text }) => text !== '')
    .map(({ program, text }) => ({ because: `${program} says: ${firstLine(text)}`, atFault: namesIn(text, patches) }));
  const altered = after.alteredFiles.filter((file) => !before.alteredFiles.includes(file));
  if (altered.length === 0) return findings;
  const some = altered.slice(0, 3).join(', ');
  const because = `${altered.length} files differ from their packages and did not before: ${some}`;
  return [...findings, { because, atFault: [] }];
}

/** What is unclean now and was not before. */
export function grewUnclean(before: Evidence, after: Evidence): string[] {
  const known = unclean(before, before, []).map(({ because }) => because);
  return unclean(before, after, [])
    .map(({ because }) => because)
    .filter((because) => !known.includes(because));
}

export function bootFindings(what: {
  readonly before: Evidence;
  readonly after: Evidence;
  readonly rebootWasDue: boolean;
  readonly bootIdBeforeReboot?: string | null;
  readonly reboot?: RebootRule;
}): Finding[] {
  const { before, after, rebootWasDue, bootIdBeforeReboot, reboot } = what;
  const findings: Finding[] = [];
  if (rebootWasDue && after.bootId === (bootIdBeforeReboot ?? before.bootId))
    findings.push({ because: `a reboot was due, and its boot id is still ${after.bootId}`, atFault: [] });
  if (after.pendingReboot.due && reboot !== 'never')
    findings.push({ because: `a reboot is pending: ${after.pendingReboot.because.join(', ')}`, atFault: [] });
  return findings;
}

/** What the machine wants now, and did not before. */
export function newlyPending(before: Evidence, after: Evidence): string[] {
  if (!after.pendingReboot.due || before.pendingReboot.due) return [];
  return [`a reboot is pending, and was not before: ${after.pendingReboot.because.join(', ')}`];
}

export function newlyBroken(before: Evidence, after: Evidence): { what: string; because: string }[] {
  const states = new Map(after.services.map(({ service, state }) => [service, state]));
  const services = before.services
    .filter(({ service, state }) => state === 'running' && states.get(service) !== 'running')
    .map(({ service }) => ({
      what: service,
      because: `service ${service} ran before and is ${states.get(service) ?? 'gone'} now`,
    }));
  const results = new Map(after.checks.map((result) => [result.check, result]));
  const checks = before.checks
    .filter(({ check, passed }) => passed && !results.get(check)?.passed)
    .map(({ check }) => ({
      what: check,
      because: `check ${check} passed before and ${results.has(check) ? `sees ${results.get(check)?.observed}` : 'was not answered'} now`,
    }));
  return [...services, ...checks];
}

function installedVersion(evidence: Evidence, patch: Patch): string | null {
  const found = evidence.installed.find((at) => at.package === patch.package && at.architecture === patch.architecture);
  return found?.version ?? null;
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}

export function namesIn(text: string, patches: readonly Patch[]): string[] {
  const words = text.split(/[^a-z0-9+.-]+/).map((word) => word.replace(/\.service$/, ''));
  return patches.map((patch) => patch.package).filter((name) => words.includes(name));
}
