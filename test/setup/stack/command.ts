/** The patchcycle command as a child process: what a person types, and what comes of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

/** What a command came to. */
export type CommandResult = { readonly code: number; readonly out: string; readonly err: string };

const program = fileURLToPath(new URL('../../../cli/patchcycle.js', import.meta.url));

/** Runs a command to its end, however it ends, with nothing of the caller's own configuration. */
export async function runCommand(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  const inherited = Object.entries(process.env).filter(
    ([name]) => name !== 'DATABASE_URL' && !name.startsWith('TEMPORAL_'),
  );
  const child = spawn(process.execPath, [program, ...argv], {
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { code: Number(code ?? -1), out, err };
}

/** Throws what a command said when it did not succeed. */
export function succeed(result: CommandResult, command: string): CommandResult {
  if (result.code === 0) return result;
  throw new Error(`patchcycle ${command} ended with ${result.code}: ${result.err || result.out}`);
}
