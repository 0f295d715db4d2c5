/** systemd's services: their states, which hold replaced files, and restarting them. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PendingReboot, ServiceState } from '../../domain/endpoints/endpoint.ts';
import { firstLine, lines } from './dpkg.ts';
import { serviceOf } from './mapped-files.ts';
import type { StaleProcess } from './mapped-files.ts';
import { systemctl } from './program.ts';

/** Where systemd keeps what wants what: by an administrator or a package, until the next boot, and made by generators. */
const unitFolders = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/run/systemd/generator',
  '/run/systemd/generator.early',
  '/run/systemd/generator.late',
];

/** Every enabled service, and every other one that has failed or does not come up. */
export async function serviceStates(): Promise<readonly ServiceState[]> {
  const units = await systemctl(
    'list-units',
    '--all',
    '--type=service',
    '--no-legend',
    '--no-pager',
    '--plain',
    '--full',
  );
  if (units.code !== 0) throw new Error(`systemctl cannot list the services: ${firstLine(units.stderr)}`);
  return chooseServices(await enabledServices(), parseUnits(units.stdout));
}

/** Read from the links that enabling makes: asking systemd for them has it read every unit file there is. */
async function enabledServices(): Promise<readonly string[]> {
  const folders = (await Promise.all(unitFolders.map(wantsIn))).flat();
  const names = (await Promise.all(folders.map(namesIn))).flat();
  return names.filter((name) => name.endsWith('.service'));
}

async function wantsIn(folder: string): Promise<readonly string[]> {
  const names = await namesIn(folder);
  return names.filter((name) => /\.(wants|requires|upholds)$/.test(name)).map((name) => join(folder, name));
}

function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

/** Lines of `systemctl list-units`: unit, load, active, sub, description. */
export function parseUnits(text: string): readonly ServiceState[] {
  return lines(text).flatMap((line) => {
    const [unit = '', load, active = '', sub = ''] = line.trim().split(/\s+/);
    return load === 'loaded' ? [{ service: unit, state: stateOf(active, sub) }] : [];
  });
}

/** One that is started again and again does not run, though systemd calls it `activating`. */
function stateOf(active: string, sub: string): ServiceState['state'] {
  if (active === 'active' || active === 'reloading') return 'running';
  if (active === 'failed') return 'failed';
  return sub.startsWith('auto-restart') ? 'restarting' : 'stopped';
}

export function chooseServices(enabled: readonly string[], units: readonly ServiceState[]): readonly ServiceState[] {
  const concrete = new Set(enabled.filter((name) => !name.endsWith('@.service')));
  const loaded = new Set(units.map((unit) => unit.service));
  return [
    ...units.filter(({ service, state }) => concrete.has(service) || state === 'failed' || state === 'restarting'),
    ...[...concrete].filter((name) => !loaded.has(name)).map((service) => ({ service, state: 'stopped' }) as const),
  ].toSorted((a, b) => (a.service < b.service ? -1 : 1));
}

/** Restarting it would take the whole system's bus away: its replacement is a reason for a reboot. */
const onlyByReboot = /^dbus(-broker)?\.service$/;
/** People's sessions: they end with the person, and their next one runs on the new files. */
const sessions = /^(user@.*|getty@.*|serial-getty@.*|console-getty|container-getty@.*)\.service$/;

/** Services that run on replaced files and may be restarted. */
export function staleServices(stale: readonly StaleProcess[]): readonly string[] {
  const services = stale.flatMap(({ service }) => service ?? []);
  return [...new Set(services)].filter((name) => !onlyByReboot.test(name) && !sessions.test(name)).toSorted();
}

/** Why replaced files ask for a reboot: those under systemd itself and under the bus. */
export function rebootReasons(stale: readonly StaleProcess[]): PendingReboot['because'] {
  return stale.flatMap(({ pid, service, file }) => {
    if (pid === 1) return [`systemd (PID 1) runs on ${file}, which was replaced`];
    return service !== null && onlyByReboot.test(service) ? [`${service} runs on ${file}, which was replaced`] : [];
  });
}

/** See `Machine.restartServices`. */
export async function restartServices(services: readonly string[], sinceAt: string) {
  const own = serviceOf(await readFile('/proc/self/cgroup', 'utf8'));
  const units = services.map((name) => (name.endsWith('.service') ? name : `${name}.service`));
  for (const unit of [...units.filter((name) => name !== own), ...units.filter((name) => name === own)]) {
    if (!(await startedSince(unit, sinceAt))) await systemctl('restart', '--', unit);
  }
  const seen = await Promise.all(units.map(async (service) => ({ service, because: await activeState(service) })));
  return seen.filter(({ because }) => because !== 'active');
}

async function activeState(unit: string): Promise<string> {
  const { stdout, stderr } = await systemctl('show', '--property=ActiveState', '--value', '--', unit);
  return lines(stdout)[0] ?? firstLine(stderr);
}

async function startedSince(unit: string, sinceAt: string): Promise<boolean> {
  const property = 'ActiveEnterTimestampMonotonic';
  const { stdout } = await systemctl('show', `--property=${property}`, '--value', '--', unit);
  const microseconds = Number(stdout.trim());
  if (!(microseconds > 0)) return false;
  const agoMilliseconds = Number(process.hrtime.bigint() / 1_000_000n) - microseconds / 1000;
  return Date.now() - agoMilliseconds >= Date.parse(sinceAt);
}
