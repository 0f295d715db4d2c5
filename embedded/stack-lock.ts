import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identifyProcess, isRunning, type ProcessIdentity, processIdentity } from './process-identity.ts';

const lockWithinSeconds = 120;

/**
 * Runs the action while no other process starts or stops the stack of this state directory.
 * @throws Error when another one does for longer than two minutes
 */
export async function withStackLock<T>(stateDirectory: string, action: () => Promise<T>): Promise<T> {
  const file = path.join(stateDirectory, 'stack.lock');
  mkdirSync(stateDirectory, { recursive: true, mode: 0o711 });
  const deadline = Date.now() + lockWithinSeconds * 1000;
  while (!tryLock(file)) {
    const holder = readHolder(file);
    if (holder !== 'unreadable' && !isRunning(holder) && removeLeft(file)) continue;
    if (Date.now() < deadline) await delay(100);
    else
      throw new Error(`Another process starts or stops the stack of ${stateDirectory}. If none does, remove ${file}.`);
  }
  try {
    return await action();
  } finally {
    rmSync(file, { force: true });
  }
}

function tryLock(file: string): boolean {
  try {
    writeFileSync(file, JSON.stringify(identifyProcess(process.pid)), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes the lock of one that has died. False while another process does: by the time we would, the lock may be a new
 * one. Nothing is waited for in between, so that only a kill at this very moment leaves the second lock behind.
 */
function removeLeft(file: string): boolean {
  const removal = `${file}.removal`;
  if (!tryLock(removal)) return false;
  try {
    const holder = readHolder(file);
    if (holder !== 'unreadable' && !isRunning(holder)) rmSync(file, { force: true });
    return true;
  } finally {
    rmSync(removal, { force: true });
  }
}

/** Unreadable: it is being written, or was just removed. */
function readHolder(file: string): ProcessIdentity | 'unreadable' {
  try {
    return processIdentity.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return 'unreadable';
  }
}
