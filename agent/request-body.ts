import type { IncomingMessage } from 'node:http';
import { maximumBodyBytes } from '../protocol/agent.ts';
import { Refusal } from './refusal.ts';

/** Reads a bounded JSON body. Throws `Refusal`. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new Refusal('bad request', 'The body must be application/json.');
  const bytes = await readBounded(request);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal('bad request', 'The body is not valid JSON in UTF-8.');
  }
}

/** Reads to the end in any case: a caller that is still sending would not see the refusal. */
async function readBounded(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= maximumBodyBytes) chunks.push(chunk);
  }
  if (length > maximumBodyBytes) throw new Refusal('too large', `The body is larger than ${maximumBodyBytes} bytes.`);
  return Buffer.concat(chunks);
}
