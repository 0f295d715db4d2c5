import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { labStatus, labUp } from './lab.ts';
import { defaultLabDirectory } from './layout.ts';
import { commandInMachine, endpointMachine, power } from './machine.ts';
import { publish } from './repository.ts';
import { installPackages, missingPackages, whyNoLab } from './requirements.ts';
import { labDown } from './teardown.ts';

const noticeMilliseconds = 5000;

function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 200) return number;
  throw new InvalidArgumentError('Must be a whole number from 1 to 200.');
}

function order(text: string): 'on' | 'off' | 'cut' {
  if (text === 'on' || text === 'off' || text === 'cut') return text;
  throw new InvalidArgumentError('Must be on, off or cut.');
}

async function installWhatIsMissing(): Promise<void> {
  const why = whyNoLab();
  if (why !== null) throw new Error(why);
  const missing = missingPackages();
  if (missing.length === 0) return;
  console.error(`Missing Debian packages: ${missing.join(', ')}. They will be installed with apt in 5 s; ^C stops it.`);
  await pause(noticeMilliseconds);
  await installPackages(missing);
}

function printStatus(directory: string, json: boolean): void {
  const status = labStatus(directory);
  if (json) return console.log(JSON.stringify(status));
  console.table(status.endpoints, ['name', 'site', 'address', 'initPid', 'power']);
}

const program = new Command('lab')
  .description('Real Debian endpoints on this machine, to try patching on. Needs root and Debian.')
  .option('--dir <directory>', 'the lab’s directory', defaultLabDirectory());
const directory = (): string => program.opts<{ dir: string }>().dir;

program
  .command('up')
  .description('make what is missing of the lab and start it')
  .option('--sites <count>', 'networks', count, 2)
  .option('--endpoints <count>', 'machines, dealt to the sites in turn', count, 6)
  .action(async (options: { sites: number; endpoints: number }) => {
    await installWhatIsMissing();
    await labUp({ directory: directory(), ...options, say: (line) => console.error(line) });
    printStatus(directory(), false);
  });
program
  .command('status')
  .description('what runs')
  .option('--json', 'for programs', false)
  .action((options: { json: boolean }) => printStatus(directory(), options.json));
program
  .command('down')
  .description('stop and remove everything the lab made; the cached base stays')
  .action(() => labDown(directory()));
program
  .command('publish')
  .description('add packages to the lab’s own apt repository')
  .argument('<files...>')
  .action((files: string[]) => publish(directory(), files));
program
  .command('exec')
  .description('run a command inside an endpoint, as root')
  .argument('<name>')
  .argument('<command...>')
  .action(async (name: string, command: string[]) => {
    const [first = '', ...rest] = [...commandInMachine(endpointMachine(directory(), name)), ...command];
    const [status] = (await once(spawn(first, rest, { stdio: 'inherit' }), 'exit')) as [number | null];
    process.exitCode = status ?? 1;
  });
program
  .command('power')
  .description('switch an endpoint on or off, or pull its plug')
  .argument('<order>', 'on, off or cut', order)
  .argument('<name>')
  .action((what: 'on' | 'off' | 'cut', name: string) => power(directory(), name, what));

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
