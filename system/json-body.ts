import type { IncomingMessage } from 'node:http';

/** A body that is not read further. `code` is for programs, the message is the sentence for people. */
export class BodyRefused extends Error {
  override readonly name = 'BodyRefused';
  readonly code: 'bad request' | 'too large';
  constructor(code: 'bad request' | 'too large', message: string) {
    super(message);
    this.code = code;
  }
}

/** Reads a bounded JSON body of a request. Throws `BodyRefused`. */
export async function readJsonBody(request: IncomingMessage, maximumBytes: number): Promise<unknown> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new BodyRefused('bad request', 'The body must be application/json.');
  const bytes = await readBounded(request, maximumBytes);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new BodyRefused('bad request', 'The body is not valid JSON in UTF-8.');
  }
}

/** Reads to the end in any case: a caller that is still sending would not see the refusal. */
async function readBounded(request: IncomingMessage, maximumBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= maximumBytes) chunks.push(chunk);
  }
  if (length > maximumBytes) throw new BodyRefused('too large', `The body is larger than ${maximumBytes} bytes.`);
  return Buffer.concat(chunks);
}
