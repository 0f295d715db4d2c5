/** The columns by which an operator finds cycles and endpoints in Temporal's UI. Set at the start and at each step or ring. */
import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import type { CycleInput, EndpointInput, SurveyInput } from '../domain/rollout/cycle.ts';
import { siteOf } from '../domain/ids.ts';
import type { Step } from '../domain/rollout/steps.ts';

export const searchAttributes = {
  clientId: defineSearchAttributeKey('ClientId', SearchAttributeType.KEYWORD),
  siteId: defineSearchAttributeKey('SiteId', SearchAttributeType.KEYWORD),
  cycleId: defineSearchAttributeKey('CycleId', SearchAttributeType.KEYWORD),
  endpointId: defineSearchAttributeKey('EndpointId', SearchAttributeType.KEYWORD),
  step: defineSearchAttributeKey('Step', SearchAttributeType.KEYWORD),
  ring: defineSearchAttributeKey('Ring', SearchAttributeType.KEYWORD),
  mode: defineSearchAttributeKey('Mode', SearchAttributeType.KEYWORD),
  outcome: defineSearchAttributeKey('Outcome', SearchAttributeType.KEYWORD),
  cves: defineSearchAttributeKey('Cves', SearchAttributeType.KEYWORD_LIST),
} as const;

export function cycleAttributes(input: CycleInput) {
  return [
    { key: searchAttributes.clientId, value: input.clientId },
    { key: searchAttributes.cycleId, value: input.cycleId },
    { key: searchAttributes.mode, value: input.kind },
    ...(input.advisory ? [{ key: searchAttributes.cves, value: [input.advisory] }] : []),
  ];
}

export function endpointAttributes(endpoint: EndpointInput) {
  return [
    { key: searchAttributes.clientId, value: endpoint.clientId },
    { key: searchAttributes.cycleId, value: endpoint.cycleId },
    { key: searchAttributes.siteId, value: siteOf(endpoint) },
    { key: searchAttributes.endpointId, value: endpoint.endpointId },
    { key: searchAttributes.ring, value: endpoint.ring },
  ];
}

export function surveyAttributes(input: SurveyInput) {
  return [
    { key: searchAttributes.clientId, value: input.clientId },
    { key: searchAttributes.cycleId, value: input.cycleId },
    { key: searchAttributes.siteId, value: input.site.siteId },
    { key: searchAttributes.step, value: input.step },
  ];
}

export function stepAttribute(step: Step) {
  return [{ key: searchAttributes.step, value: step }];
}

export function ringAttribute(ring: string) {
  return [{ key: searchAttributes.ring, value: ring }];
}

export function outcomeAttribute(outcome: string) {
  return [{ key: searchAttributes.outcome, value: outcome }];
}
