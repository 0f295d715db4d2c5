/** What runs inside the transient unit: `run FOLDER` does the work, `record FOLDER` is its stop command. */
import { open } from 'node:fs/promises';
import { writeWhole } from '../../../system/whole-files.ts';
import { readBootId } from '../facts.ts';
import { install } from './install.ts';
import { repair } from './repair.ts';
import { rollBack } from './rollback.ts';
import { runSchema, readJsonFile, runFiles } from './run-files.ts';
import type { ReportedEnd } from './run-files.ts';

/** Carries out the run described in `folder` and reports its end. Returns the exit code, which is no evidence. */
export async function carryOutRun(folder: string): Promise<number> {
  const files = runFiles(folder);
  const begun = await open(files.begun, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return null;
    throw new Error(`The run in ${folder} cannot begin (${error.code}).`);
  });
  if (!begun) {
    console.log('This run has begun before; it is not begun again.');
    return 0;
  }
  await begun.sync();
  await begun.close();
  const account = await act(files.folder).catch((error: unknown): ReportedEnd => {
    const message = error instanceof Error ? error.message : String(error);
    return { ending: 'failed', because: `It could not go on: ${message}`, packagesAtFault: [] };
  });
  await writeWhole(files.account, JSON.stringify(account));
  return account.ending === 'finished' ? 0 : 1;
}

async function act(folder: string): Promise<ReportedEnd> {
  const files = runFiles(folder);
  const request = await readJsonFile(files.request, runSchema);
  if (!request) throw new Error(`${files.request} cannot be understood.`);
  if (request.kind === 'roll back packages') return rollBack(request, files.output);
  return request.kind === 'install' ? install(request, files) : repair(request, files.output);
}

/** Writes down how systemd saw the run end. */
export async function recordResult(
  folder: string,
  seen: { readonly SERVICE_RESULT?: string; readonly EXIT_CODE?: string; readonly EXIT_STATUS?: string },
): Promise<void> {
  const result = {
    serviceResult: seen.SERVICE_RESULT ?? 'unknown',
    exitCode: seen.EXIT_CODE ?? 'unknown',
    exitStatus: seen.EXIT_STATUS ?? 'unknown',
    bootId: await readBootId(),
    endedAt: new Date().toISOString(),
  };
  await writeWhole(runFiles(folder).result, JSON.stringify(result));
}
