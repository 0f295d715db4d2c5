import type { Command } from 'commander';
import { summaryInWords } from '../reports/summary.ts';
import { personAtKeyboard } from '../workers/environment.ts';
import type { Running } from '../workers/running.ts';
import { addOrders } from './cycle-orders.ts';
import { badInput } from './exit.ts';
import { printJson, printTable } from './print.ts';
import { clientIdFor, withRunning } from './running.ts';

export function cycleCommand(program: Command): void {
  const cycle = program.command('cycle').description('Starts cycles, shows them, and gives them orders.');

  cycle
    .command('start')
    .description('Starts a standard cycle of a policy now. It installs inside its windows only.')
    .option('--client <id>', 'which client')
    .option('--policy <name>', 'which policy; may be left out where one applies')
    .option('--json', 'as JSON')
    .action(async (options: { client?: string; policy?: string; json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const clientId = await clientIdFor(running, options.client);
        const policyName = await policyFor(running, clientId, options.policy);
        const { startCycle } = await import('../workers/cycles.ts');
        const order = await startCycle(running, { clientId, policyName, startedBy: personAtKeyboard() });
        const link = running.linkTo(order.cycleId);
        if (options.json) return printJson({ cycleId: order.cycleId, uiLink: link });
        console.log(`Started ${order.cycleId}.${link ? ` In Temporal's UI: ${link}` : ''}`);
      });
    });

  cycle
    .command('list')
    .description("A client's cycles, the newest first.")
    .option('--client <id>', 'which client')
    .option('--json', 'as JSON')
    .action(async (options: { client?: string; json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const clientId = await clientIdFor(running, options.client);
        const rows = await running.tenants.forClient(clientId).cycle.findMany({ orderBy: { startedAt: 'desc' } });
        const cycles = rows.map(({ id, kind, state, startedAt, endedAt, startedBy }) => ({
          cycleId: id,
          kind,
          state,
          startedAt: startedAt.toISOString(),
          endedAt: endedAt?.toISOString() ?? null,
          startedBy,
        }));
        if (options.json) return printJson({ client: clientId, cycles });
        if (cycles.length === 0) console.log(`Client ${clientId} has had no cycle yet.`);
        printTable(
          ['cycle', 'state', 'started', 'by'],
          cycles.map((one) => [one.cycleId, one.state, one.startedAt, one.startedBy]),
        );
      });
    });

  cycle
    .command('show')
    .description('How a cycle stands: its steps, its endpoints, and what it waits for.')
    .argument('<cycle>', 'its id, as cycle list shows it')
    .option('--json', 'everything that is recorded of it, as JSON')
    .action(async (cycleId: string, options: { json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const { readFacts } = await import('../workers/facts.ts');
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
          const { statusOf } = await import('../workers/telling.ts');
          const status = await statusOf(await running.temporal(), cycleId);
          if (!status) console.log('What it waits for is not known: no worker answers. See: patchcycle status');
          else if (status.waitsFor) console.log(`It waits for ${status.waitsFor}.`);
          else console.log(`It is at ${status.step}: ${status.doing}.`);
        }
      });
    });

  addOrders(cycle);
}

/** The policy that was named, or the only one of the client that applies to anything. */
export async function policyFor({ tenants }: Running, clientId: string, named: string | undefined): Promise<string> {
  const db = tenants.forClient(clientId);
  const inForce = (await db.client.findFirst())?.policyNames ?? [];
  if (named && !inForce.includes(named))
    throw badInput(`No policy ${named} is in force for ${clientId}; there is ${inForce.join(', ') || 'none'}.`);
  if (named) return named;
  const versions = await db.policyVersion.findMany({
    where: { name: { in: inForce } },
    orderBy: { version: 'desc' },
    distinct: ['name'],
  });
  const applying = versions.filter((version) => (version.content as { applies?: unknown }).applies !== null);
  const [only, ...others] = applying.map((version) => version.name);
  if (!only || others.length > 0)
    throw badInput(`Say which policy: --policy ${applying.map((version) => version.name).join(' or ')}.`);
  return only;
}
