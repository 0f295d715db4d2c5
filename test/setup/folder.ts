import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty folder for one test, gone afterwards. Others may walk into it: PostgreSQL runs as another user. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'patchcycle-folder-'));
  chmodSync(folder, 0o711);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
