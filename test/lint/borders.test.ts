/** Each border between the rooms of the house: an import that crosses it is refused, and the message says why. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';

const project = fileURLToPath(new URL('../..', import.meta.url));

type Border = { readonly from: string; readonly imports: string; readonly because: string };

const builds = 'A decision builds on what it is about, never on who reports it';
const record = 'The record knows neither a workflow nor a network';
const floor = 'An earlier floor of the record never asks a later one';
const share = 'Activities share what is on record, not each other';
const ports = 'Activities reach the world through ports';
const vendor = 'One port, one vendor';
const adapter = 'An adapter provides one port';
const person = 'What a person may ask and order, wherever they sit';
const wire = 'workers/ wire processes';
const servers = 'Servers on one machine';
const fleet = 'A fleet stands in for machines';
const verb = 'A verb asks; it does not query';
const root = "agent/ runs as root on somebody's machine";

const borders: readonly Border[] = [
  { from: 'domain/words.ts', imports: './rollout/window.ts', because: builds },
  { from: 'domain/endpoints/saga.ts', imports: '../reports/endpoint-facts.ts', because: builds },
  { from: 'domain/patches/findings.ts', imports: '../policies/policy.ts', because: builds },
  { from: 'domain/rollout/gate.ts', imports: '../snapshots/retention.ts', because: builds },
  { from: 'domain/rollout/gate.ts', imports: '../../record/cycle.ts', because: builds },
  { from: 'domain/patch.ts', imports: 'zod', because: builds },
  { from: 'record/cycle.ts', imports: '@temporalio/activity', because: record },
  { from: 'record/orders/halts.ts', imports: '../../activities/ports/agent.ts', because: record },
  { from: 'record/orders/halts.ts', imports: '../../workflows/messages.ts', because: record },
  { from: 'record/orders/halts.ts', imports: 'axios', because: record },
  { from: 'record/endpoints/states.ts', imports: '../facts/cycle.ts', because: floor },
  { from: 'record/sites/lock.ts', imports: '../admissions/load.ts', because: floor },
  { from: 'record/audit.ts', imports: './orders/halts.ts', because: floor },
  { from: 'workflows/patch-cycle.ts', imports: '../record/cycle.ts', because: 'workflows/ tell the story' },
  {
    from: 'workflows/patch-cycle.ts',
    imports: '../activities/control/gate.ts',
    because: 'Activities enter workflows as types',
  },
  { from: 'activities/control/gate.ts', imports: './admission.ts', because: share },
  { from: 'activities/control/gate.ts', imports: '../site/agents.ts', because: share },
  { from: 'activities/site/agents.ts', imports: './machines.ts', because: share },
  { from: 'activities/site/agents.ts', imports: '../control/gate.ts', because: share },
  { from: 'activities/site/agents.ts', imports: '../../record/cycle.ts', because: "A site's worker has no database" },
  { from: 'activities/control/gate.ts', imports: '../adapters/command.ts', because: ports },
  { from: 'activities/index.ts', imports: '../workers/compose.ts', because: ports },
  { from: 'activities/ports/agent.ts', imports: 'axios', because: 'A port says what we need of the world' },
  { from: 'activities/adapters/snapshots/btrfs.ts', imports: '../sandboxes/lab.ts', because: vendor },
  { from: 'activities/adapters/snapshots/btrfs.ts', imports: '../../../record/cycle.ts', because: adapter },
  { from: 'activities/adapters/command.ts', imports: '@temporalio/activity', because: adapter },
  { from: 'activities/schemas/kev.ts', imports: '../ports/feeds.ts', because: 'A schema proves what foreign data is' },
  { from: 'protocol/agent.ts', imports: '../agent/main.ts', because: 'protocol/ is what agent and control plane say' },
  { from: 'protocol/agent.ts', imports: '../domain/patch.ts', because: 'protocol/ takes domain as types' },
  { from: 'agent/main.ts', imports: '../record/cycle.ts', because: root },
  { from: 'agent/debian/dpkg.ts', imports: '../../activities/ports/agent.ts', because: root },
  { from: 'operator/orders.ts', imports: '../workers/compose.ts', because: person },
  { from: 'operator/orders.ts', imports: '../activities/control/orders.ts', because: person },
  { from: 'operator/orders.ts', imports: '../cli/main.ts', because: person },
  { from: 'workers/compose.ts', imports: '../operator/up.ts', because: wire },
  { from: 'workers/compose.ts', imports: '../tools/diagram.ts', because: wire },
  { from: 'embedded/supervisor.ts', imports: '../workflows/search-attributes.ts', because: servers },
  { from: 'embedded/supervisor.ts', imports: '../prisma/migrate.ts', because: servers },
  { from: 'fleets/lab/lab.ts', imports: '../../record/cycle.ts', because: fleet },
  { from: 'fleets/simulated/fleet.ts', imports: '../../operator/enrolment.ts', because: fleet },
  {
    from: 'fleets/lab/lab.ts',
    imports: '../../activities/adapters/agents/https.ts',
    because: 'Of the adapters a fleet takes',
  },
  { from: 'cli/cycle.ts', imports: '../record/cycle.ts', because: verb },
  { from: 'cli/cycle.ts', imports: '../workers/config.ts', because: verb },
  { from: 'cli/cycle.ts', imports: '@temporalio/client', because: verb },
  { from: 'reports/words.ts', imports: '../record/cycle.ts', because: 'reports/ turn facts into pages' },
  { from: 'programs/build-agent.ts', imports: '../agent/main.ts', because: 'programs/ run before anything of ours' },
  { from: 'prisma/migrate.ts', imports: '../record/database.ts', because: 'The schema and its migrations stand below' },
  { from: 'system/whole-files.ts', imports: '../domain/patch.ts', because: 'system/ is what we need of Node' },
];

/** What may be imported, so that no border refuses everything. */
const allowed: readonly Omit<Border, 'because'>[] = [
  { from: 'domain/rollout/gate.ts', imports: '../policies/policy.ts' },
  { from: 'domain/rollout/gate.ts', imports: '../words.ts' },
  { from: 'record/orders/halts.ts', imports: '../endpoints/states.ts' },
  { from: 'record/facts/cycle.ts', imports: '../../domain/reports/cycle-facts.ts' },
  { from: 'workflows/patch-cycle.ts', imports: '../domain/rollout/cycle.ts' },
  { from: 'activities/control/gate.ts', imports: '../../record/cycle.ts' },
  { from: 'activities/control/gate.ts', imports: '../ports/agent.ts' },
  { from: 'activities/site/agents.ts', imports: '../failures.ts' },
  { from: 'activities/adapters/snapshots/btrfs.ts', imports: '../command.ts' },
  { from: 'operator/orders.ts', imports: '../record/orders/halts.ts' },
  { from: 'workers/compose.ts', imports: '../activities/adapters/agents/https.ts' },
  { from: 'embedded/supervisor.ts', imports: '../programs/run.mjs' },
  { from: 'fleets/lab/lab.ts', imports: '../../activities/adapters/command.ts' },
  { from: 'cli/cycle.ts', imports: '../operator/cycles.ts' },
  { from: 'programs/build-agent.ts', imports: 'node:fs/promises' },
  { from: 'programs/build-agent.ts', imports: '../system/whole-files.ts' },
  { from: 'agent/ledger.ts', imports: '../system/whole-files.ts' },
  { from: 'agent/debian/dpkg.ts', imports: '../../system/whole-files.ts' },
  { from: 'embedded/state-file.ts', imports: '../system/whole-files.ts' },
];

type Said = { readonly filename: string; readonly message: string; readonly help?: string };
let said: readonly Said[] = [];

/** One file for each import, where the border's own files are, named apart by its number. */
function placeOf({ from }: { readonly from: string }, number: string): string {
  return path.join(path.dirname(from), `import-${number}.ts`);
}

beforeAll(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'patchcycle-borders-'));
  cpSync(path.join(project, '.oxlintrc.json'), path.join(folder, '.oxlintrc.json'));
  const write = (place: string, imports: string) => {
    const file = path.join(folder, place);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `import { what } from '${imports}';\nwhat();\n`);
  };
  borders.forEach((border, at) => write(placeOf(border, `refused-${at}`), border.imports));
  allowed.forEach((border, at) => write(placeOf(border, `allowed-${at}`), border.imports));
  const oxlint = path.join(project, 'node_modules', '.bin', 'oxlint');
  const lint = promisify(execFile)(oxlint, ['--format', 'json', '.'], { cwd: folder });
  const answer = await lint.catch((failed: { stdout: string }) => failed);
  rmSync(folder, { recursive: true });
  said = (JSON.parse(answer.stdout) as { diagnostics: Said[] }).diagnostics;
}, 60_000);

it.each(borders.map((border, at) => ({ ...border, at })))('$from does not import $imports', ({ at, ...border }) => {
  const place = placeOf(border, `refused-${at}`);
  const words = said
    .filter(({ filename }) => filename === place)
    .map(({ message, help }) => `${message} ${help ?? ''}`);
  expect(words.join('\n')).toContain(border.because);
});

it.each(allowed.map((border, at) => ({ ...border, at })))('$from may import $imports', ({ at, ...border }) => {
  const place = placeOf(border, `allowed-${at}`);
  expect(said.filter(({ filename, message }) => filename === place && message.includes('restricted'))).toEqual([]);
});
