import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Writes an executable shell script, for tests that need a program which says a certain thing. */
export function writeProgram(folder: string, name: string, script: string): string {
  mkdirSync(folder, { recursive: true });
  const program = path.join(folder, name);
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return program;
}
