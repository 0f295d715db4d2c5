/**
 * What the agent was asked to do and what became of it, one file an operation. An entry is on the disk before the
 * act, and its end is on the disk before it is reported. Entries are small and kept for ever.
 */
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import { z } from 'zod';
import type { OperationBody, OperationReport, Permit } from '../domain/endpoints/operation.ts';
import { operationBodySchema, operationReportSchema, permitSchema } from '../protocol/agent.ts';
import { makeFolderDurably, writeWhole } from '../system/whole-files.ts';

export type LedgerEntry = {
  /** Of generation and body; the permit is not part of what an operation is. */
  readonly digest: string;
  readonly permit: Permit;
  readonly body: OperationBody;
  readonly report: OperationReport;
};

const entrySchema = z.strictObject({
  digest: z.string(),
  permit: permitSchema,
  body: operationBodySchema,
  report: operationReportSchema,
}) satisfies z.ZodType<LedgerEntry>;

/** Its types describe an ES module; what it exports is the function itself. */
const canonicalJson = canonicalize as unknown as typeof canonicalize.default;

export class LedgerUnreadable extends Error {
  override readonly name = 'LedgerUnreadable';
}

export class Ledger {
  readonly #folder: string;

  constructor(stateDirectory: string) {
    this.#folder = join(stateDirectory, 'ledger');
  }

  /** Returns once the entry has reached the disk. */
  async write(entry: LedgerEntry): Promise<void> {
    await makeFolderDurably(this.#folder);
    await writeWhole(this.#pathOf(entry.report.operationId), JSON.stringify(entry));
  }

  /** Null when the operation is not known. Throws `LedgerUnreadable`. */
  async read(operationId: string): Promise<LedgerEntry | null> {
    const path = this.#pathOf(operationId);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw new LedgerUnreadable(`The ledger entry ${path} cannot be read (${error.code}).`);
    });
    return text === null ? null : parseEntry(path, text);
  }

  /** Operations that have not ended. Throws `LedgerUnreadable`. */
  async unfinished(): Promise<readonly LedgerEntry[]> {
    await makeFolderDurably(this.#folder);
    const names = (await readdir(this.#folder)).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
    const entries = await Promise.all(names.map((name) => this.read(name.slice(0, 64))));
    return entries.filter((entry) => entry?.report.state === 'running') as readonly LedgerEntry[];
  }

  #pathOf(operationId: string): string {
    return join(this.#folder, `${operationId}.json`);
  }
}

/** What makes two submissions the same operation. */
export function digestOf(generation: number, body: OperationBody): string {
  return createHash('sha256')
    .update(canonicalJson({ generation, body }) ?? '')
    .digest('hex');
}

function parseEntry(path: string, text: string): LedgerEntry {
  try {
    return entrySchema.parse(JSON.parse(text));
  } catch {
    throw new LedgerUnreadable(
      `The ledger entry ${path} cannot be understood; the agent accepts no effects until a person has looked at it.`,
    );
  }
}
