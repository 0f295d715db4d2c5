import type { Command } from 'commander';
import { nameIn } from '../domain/cycle.ts';
import { enrolCommand } from './endpoints-enrol.ts';
import { releaseCommand } from './endpoints-release.ts';
import { printJson, printTable } from './print.ts';
import { clientIdFor, withRunning } from './running.ts';

export function endpointsCommand(program: Command): void {
  const endpoints = program.command('endpoints');
  enrolCommand(endpoints);
  releaseCommand(endpoints);
  endpoints
    .description("A client's endpoints and how each stands in its newest cycle.")
    .option('--client <id>', 'which client')
    .option('--json', 'as JSON')
    .action(async (options: { client?: string; json?: boolean }, command: Command) => {
      await withRunning(command, async (running) => {
        const { inCyclesOfItsPolicy, personsNeeded } = await import('../workers/facts.ts');
        const clientId = await clientIdFor(running, options.client);
        const rows = await running.tenants.forClient(clientId).endpoint.findMany({
          where: { retiredAt: null },
          orderBy: { id: 'asc' },
          include: {
            inCycles: {
              where: await inCyclesOfItsPolicy(running, clientId),
              orderBy: { cycle: { startedAt: 'desc' } },
              take: 1,
            },
          },
        });
        const persons = await personsNeeded(running, clientId);
        const endpoints = rows.map((row) => {
          const [last] = row.inCycles;
          return {
            name: row.name,
            site: nameIn(row.siteId),
            role: row.role,
            criticality: row.criticality,
            enrolledAt: row.enrolledAt?.toISOString() ?? null,
            lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
            generation: row.generation,
            cycleId: last?.cycleId ?? null,
            outcome: last?.outcome ?? null,
            waitingFor: last?.waitingFor ?? null,
            personNeeded: persons.get(row.id) ?? null,
          };
        });
        if (options.json) return printJson({ client: clientId, endpoints });
        printTable(
          ['endpoint', 'site', 'role', 'last seen', 'in its newest cycle'],
          endpoints.map((one) => [
            one.name,
            one.site,
            one.role ?? '-',
            one.lastSeenAt ?? 'never',
            one.outcome ?? (one.waitingFor ? `waits for ${one.waitingFor}` : '-'),
          ]),
        );
        for (const { name, personNeeded } of endpoints)
          if (personNeeded)
            console.log(`${name} needs a person since ${personNeeded.sinceAt}: ${personNeeded.because.join('; ')}.`);
      });
    });
}
