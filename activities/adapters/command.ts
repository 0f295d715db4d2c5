import { spawn } from 'node:child_process';

/** A program ended with something other than 0. The message is one sentence with the program's own last words. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly status: number | null;
  constructor(message: string, status: number | null) {
    super(message);
    this.status = status;
  }
}

export type CommandEnd = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

export type CommandOptions = {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly timeoutMilliseconds?: number;
};

/** What a program sees by default: a known path and language, so that its output can be read. */
export const plainEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
};

/** Runs a program to its end and says how it ended; never a shell. Throws only when it cannot be started. */
export function endOf(argv: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
  const [program, ...rest] = argv;
  if (program === undefined) throw new CommandFailed('No program was named.', null);
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      env: { ...plainEnvironment, ...options.environment },
      cwd: options.workingDirectory,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMilliseconds,
      killSignal: 'SIGKILL',
    });
    const out: Buffer[] = [];
    const complaints: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => complaints.push(chunk));
    child.on('error', (error) => reject(new CommandFailed(`${program} cannot be started: ${error.message}.`, null)));
    child.on('close', (status) =>
      resolve({ status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(complaints).toString() }),
    );
    // A program that ends without reading its input closes the pipe; its status says what that meant.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
  });
}

/** Runs a program that must end with 0 and gives its standard output. Throws `CommandFailed`. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const end = await endOf(argv, options);
  if (end.status === 0) return end.stdout;
  const words = (end.stderr.trim() || end.stdout.trim()).split('\n').slice(-3).join(' / ');
  throw new CommandFailed(
    `"${argv.join(' ')}" ${end.status === null ? 'was killed' : `ended with ${end.status}`}: ${words}`,
    end.status,
  );
}
