/** What was seen after the rollout, and the cycle itself. */
import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { bullets, state, table, unbroken } from './parts.ts';
import type { Tone } from './parts.ts';
import { count, durationInWords, instantInWords } from './words.ts';

export function auditSection({ audit }: CycleFacts): Markup {
  const tones: Readonly<Record<string, Tone>> = { installed: 'good', failed: 'bad', pending: 'wait' };
  if (audit.auditedAt === null)
    return html`<h2>Audit</h2>
      <p class="soft">None was made.</p> `;
  return html`<h2>Audit</h2>
    <p class="soft">What was planned against what was seen, ${instantInWords(audit.auditedAt)}.</p>
    ${table(
      ['Endpoint', 'Package', 'Planned', 'Seen', 'State', 'Why'],
      audit.patches.map((patch) => [
        unbroken(patch.endpoint),
        patch.package,
        patch.planned,
        patch.observed ?? 'not seen',
        state(tones[patch.state] ?? 'wait', patch.state),
        patch.because,
      ]),
    )}${audit.drifted.length === 0 ? null : html`<h3>Changes outside the plan</h3> `}${table(
      ['Endpoint', 'Package', 'Versions', 'Why'],
      audit.drifted.map((drift) => [
        unbroken(drift.endpoint),
        drift.package,
        `${drift.from ?? 'not installed'} → ${drift.to ?? 'not installed'}`,
        drift.because,
      ]),
    )}`;
}

/** What people ordered; nothing at all where there were no orders. */
export function ordersSection({ orders }: CycleFacts): Markup | null {
  if (orders.length === 0) return null;
  return html`<h2>Orders</h2>
    ${table(
      ['Order', 'About', 'When', 'By', 'Why, or what came of it'],
      orders.map((one) => [
        one.order,
        one.about,
        unbroken(instantInWords(one.orderedAt)),
        one.who,
        one.because.join('; '),
      ]),
    )}`;
}

export function reviewSection({ review, exceptions, rules }: CycleFacts): Markup {
  const expired = new Map(review.expiredExceptions.map((exception) => [exception.subject, exception.expiredDays]));
  return html`<h2>Review</h2>
    <h3>End of support</h3>
    ${review.endOfSupport.length === 0 ? html`<p class="soft">Every endpoint's operating system is supported for a while yet.</p> ` : null}${table(
      ['Endpoint', 'Operating system', 'State', 'Why'],
      review.endOfSupport.map((end) => [
        unbroken(end.endpoint),
        end.os,
        state(end.state === 'past' ? 'bad' : 'warn', end.state),
        end.because,
      ]),
    )}
    <h3>Exceptions, blocks and allowances</h3>
    ${exceptions.length === 0 ? html`<p class="soft">None.</p> ` : null}${table(
      ['Kind', 'What', 'Owner', 'Until', 'Why'],
      exceptions.map((one) => [
        one.kind,
        one.subject,
        one.owner,
        html`${unbroken(one.until)}${expired.has(one.subject) ? html`<p>${state('bad', `ran out ${count(expired.get(one.subject) ?? 0, 'day')} ago`)}</p>` : null}`,
        one.because,
      ]),
    )}
    <h3>Rules</h3>
    ${table(
      ['Kind', 'Rule', 'Matched'],
      rules.map((rule) => [rule.kind, rule.rule, rule.matched === 0 ? state('warn', 'nothing') : rule.matched]),
    )}`;
}

export function discoverySection({ sites, discovery }: CycleFacts): Markup {
  return html`<h2>Discovery</h2>
    ${table(
      ['Site', 'Time zone', 'Networks', 'Window', 'Answered', 'Silent', 'Not managed'],
      sites.map(({ site, timeZone, networks, window }) => [
        site,
        timeZone,
        networks.join(', '),
        window ?? 'none',
        discovery.managed.filter((one) => one.site === site).length,
        discovery.silent.filter((one) => one.site === site).length,
        discovery.unmanaged.filter((one) => one.site === site).length,
      ]),
    )}${discovery.unmanaged.length + discovery.silent.length + discovery.otherUpdaters.length === 0 ? null : discoveryNotes(discovery)}`;
}

function discoveryNotes({ unmanaged, silent, otherUpdaters }: CycleFacts['discovery']): Markup {
  return bullets([
    ...unmanaged.map(
      ({ site, address, macAddress, seenAt }) =>
        html`${state('warn', 'not managed')} ${address} at ${site}, hardware address ${macAddress ?? 'not seen'},
        ${instantInWords(seenAt)}`,
    ),
    ...silent.map(
      ({ endpoint, site, lastSeenAt, because }) =>
        html`${state('wait', 'silent')} ${endpoint} at ${site}, last seen
        ${lastSeenAt === null ? 'never' : instantInWords(lastSeenAt)}: ${because}`,
    ),
    ...otherUpdaters.map(({ endpoint, updater }) => html`${state('warn', 'other updater')} ${updater} on ${endpoint}`),
  ]);
}

export function stepsSection({ steps, trigger }: CycleFacts): Markup {
  const tones: Readonly<Record<string, Tone>> = { done: 'good', failed: 'bad', running: 'wait' };
  return html`<h2>The ten steps</h2>
    <p class="soft">
      Started ${trigger.kind} by ${trigger.by}:
      ${trigger.because}${trigger.advisory === null ? '' : `, for ${trigger.advisory}`}.
    </p>
    ${table(
      ['Step', 'State', 'Started', 'Took', 'What came of it'],
      steps.map((step) => [
        step.step,
        state(tones[step.state] ?? 'calm', step.state),
        step.startedAt === null ? '–' : unbroken(instantInWords(step.startedAt)),
        unbroken(durationInWords(step.startedAt, step.endedAt) || '–'),
        step.because,
      ]),
    )}`;
}
