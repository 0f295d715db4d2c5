/** A Temporal server for the time of a comparison, gone afterwards with everything it kept. */
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { findTemporalServer } from '../../../embedded/temporal-server.ts';
import { startTemporal } from '../../../embedded/temporal.ts';
import { searchAttributes } from '../../../operator/search-attributes.ts';
import type { Server } from './agree.ts';

export async function withServer<T>(act: (server: Server) => Promise<T>): Promise<T> {
  const stateDirectory = mkdtempSync(path.join(tmpdir(), 'patchcycle-agreement-'));
  try {
    const server = await findTemporalServer({
      configured: process.env['PATCHCYCLE_TEMPORAL_PROGRAM'],
      searchPath: process.env['PATH'] ?? '',
      cacheDirectory: path.join(homedir(), '.cache', 'patchcycle'),
    });
    const ports = { port: 'any', uiPort: 'any' } as const;
    const temporal = await startTemporal({
      stateDirectory,
      server,
      ...ports,
      timers: 'to the millisecond',
      searchAttributes,
    });
    try {
      return await act(temporal);
    } finally {
      await temporal.stop();
    }
  } finally {
    rmSync(stateDirectory, { recursive: true, force: true });
  }
}
