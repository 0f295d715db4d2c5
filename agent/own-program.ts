import { isSea } from 'node:sea';

/** How this program is started again: alone when it is one file, else Node with the script. */
export function ownProgram(): readonly string[] {
  return isSea() ? [process.execPath] : [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
}
