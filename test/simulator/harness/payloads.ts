/** Values as Temporal carries them, by the SDK's own converter, and its spans of time. */
import { type Payload, defaultPayloadConverter } from '@temporalio/common';
import { msNumberToTs } from '@temporalio/common/lib/time.js';
import type { google, temporal } from '@temporalio/proto';

type Payloads = readonly temporal.api.common.v1.IPayload[] | null | undefined;

export function encoded(value: unknown): Payload {
  return defaultPayloadConverter.toPayload(value);
}

export function encodedAll(values: readonly unknown[]): Payload[] {
  return values.map((value) => encoded(value));
}

export function decoded(payload: temporal.api.common.v1.IPayload | null | undefined): unknown {
  return payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
}

export function decodedAll(payloads: Payloads): readonly unknown[] {
  return (payloads ?? []).map((payload) => decoded(payload));
}

export function decodedFields(
  fields: Readonly<Record<string, temporal.api.common.v1.IPayload>> | null | undefined,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields ?? {}).map(([name, payload]) => [name, decoded(payload)]));
}

/** null where no span is given; the SDK gives none for what has no limit. */
export function inMs(span: google.protobuf.IDuration | null | undefined): number | null {
  if (!span) return null;
  return Number(span.seconds ?? 0) * 1000 + Math.floor((span.nanos ?? 0) / 1_000_000);
}

export function asSpan(ms: number) {
  return msNumberToTs(ms);
}

/** The summary that a command carries for whoever reads the timeline. */
export function summaryOf(metadata: temporal.api.sdk.v1.IUserMetadata | null | undefined): string | null {
  const summary = decoded(metadata?.summary);
  return typeof summary === 'string' ? summary : null;
}
