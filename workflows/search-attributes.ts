/** The columns by which an operator finds cycles and endpoints in Temporal's UI. Set at the start and at each step or ring. */
import { SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import { type CycleOrder, type EndpointOrder, type Step, type SurveyOrder, siteOf } from '../domain/cycle.ts';

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

export function cycleAttributes(order: CycleOrder) {
  return [
    { key: searchAttributes.clientId, value: order.clientId },
    { key: searchAttributes.cycleId, value: order.cycleId },
    { key: searchAttributes.mode, value: order.kind },
    ...(order.advisory ? [{ key: searchAttributes.cves, value: [order.advisory] }] : []),
  ];
}

export function endpointAttributes(endpoint: EndpointOrder) {
  return [
    { key: searchAttributes.clientId, value: endpoint.clientId },
    { key: searchAttributes.cycleId, value: endpoint.cycleId },
    { key: searchAttributes.siteId, value: siteOf(endpoint) },
    { key: searchAttributes.endpointId, value: endpoint.endpointId },
    { key: searchAttributes.ring, value: endpoint.ring },
  ];
}

export function surveyAttributes(order: SurveyOrder) {
  return [
    { key: searchAttributes.clientId, value: order.clientId },
    { key: searchAttributes.cycleId, value: order.cycleId },
    { key: searchAttributes.siteId, value: order.site.siteId },
    { key: searchAttributes.step, value: order.step },
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
