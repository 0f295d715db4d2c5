import type { Command } from 'commander';
import { summaryInWords } from '../reports/summary.ts';
import { personAtKeyboard } from '../operator/environment.ts';
import { addOrders } from './cycle-orders.ts';
import { printJson, printTable } from './print.ts';
import { withRunning } from './running.ts';

export function cycleCommand(program: Command): void {
  const cycle = program.command('cycle').description('Starts cycles, shows them, and gives them orders.');
  addStart(cycle);
  addList(cycle);
  addShow(cycle);
  addOrders(cycle);
}

function addStart(cycle: Command): void {
  cycle
    .command('start')
    .description('Starts a standard cycle of a policy now. It installs inside its windows only.')
    .option('--client <id>', 'which client')
    .option('--policy <name>', 'which policy; may be left out where one applies')
    .option('--json', 'as JSON')
    .action(async (options: { client?: string; policy?: string; json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const { clientIdFor, policyFor } = await import('../operator/clients.ts');
        const clientId = await clientIdFor(running, options.client);
        const policyName = await policyFor(running, clientId, options.policy);
        const { startCycle } = await import('../operator/cycles.ts');
        const input = await startCycle(running, { clientId, policyName, startedBy: personAtKeyboard() });
        const link = running.linkTo(input.cycleId);
        if (options.json) return printJson({ cycleId: input.cycleId, uiLink: link });
        console.log(`Started ${input.cycleId}.${link ? ` In Temporal's UI: ${link}` : ''}`);
      });
    });
}

function addList(cycle: Command): void {
  cycle
    .command('list')
    .description("A client's cycles, the newest first.")
    .option('--client <id>', 'which client')
    .option('--json', 'as JSON')
    .action(async (options: { client?: string; json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const { clientIdFor } = await import('../operator/clients.ts');
        const { cyclesOf } = await import('../operator/facts.ts');
        const clientId = await clientIdFor(running, options.client);
        const cycles = await cyclesOf(running, clientId);
        if (options.json) return printJson({ client: clientId, cycles });
        if (cycles.length === 0) console.log(`Client ${clientId} has had no cycle yet.`);
        printTable(
          ['cycle', 'state', 'started', 'by'],
          cycles.map((one) => [one.cycleId, one.state, one.startedAt, one.startedBy]),
        );
      });
    });
}

function addShow(cycle: Command): void {
  cycle
    .command('show')
    .description('The state of a cycle: its steps, its endpoints, and what it waits for.')
    .argument('<cycle>', 'its id, as cycle list shows it')
    .option('--json', 'everything that is recorded of it, as JSON')
    .action(async (cycleId: string, options: { json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const { readFacts } = await import('../operator/facts.ts');
        const facts = await readFacts(running, cycleId);
        if (options.json) return printJson(facts);
        console.log(summaryInWords(facts).join('\n'));
        printTable(
          ['step', 'state', 'because'],
          facts.steps.map((step) => [step.step, step.state, step.because]),
        );
        printTable(
          ['endpoint', 'ring', 'state', 'because'],
          facts.endpoints.map((one) => [
            one.endpoint,
            one.ring ?? '-',
            one.outcome ?? (one.waitingFor ? `waits for ${one.waitingFor}` : 'in progress'),
            one.because[0] ?? '',
          ]),
        );
        if (facts.endedAt === null) {
          const { statusOf } = await import('../operator/messages.ts');
          const status = await statusOf(await running.temporal(), cycleId);
          if (!status) console.log('What it waits for is not known: no worker answers. See: patchcycle status');
          else if (status.waitsFor) console.log(`It waits for ${status.waitsFor}.`);
          else console.log(`It is at ${status.step}: ${status.doing}.`);
        }
      });
    });
}
