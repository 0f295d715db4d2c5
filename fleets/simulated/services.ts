/** The services of a simulated machine: what they run on, and whether they come up. */
import type { Archive } from './archive.ts';
import { init } from './machine-state.ts';
import type { MachineState, Service } from './machine-state.ts';

/** Starts a service on what is installed now; it fails where an installed version breaks it. */
export function startService(state: MachineState, archive: Archive, service: Service): void {
  service.startedWith = Object.fromEntries(service.uses.map((name) => [name, versionOf(state, name)]));
  service.startedAt = new Date().toISOString();
  service.state = isBroken(state, archive, service) ? 'failed' : 'running';
}

/** Services that run on files that have been replaced since they were started. */
export function staleServices(state: MachineState): readonly Service[] {
  return state.services.filter((service) => service.state === 'running' && replacedUnder(state, service).length > 0);
}

/** Why a boot is due, one sentence for each reason; none when none is. */
export function rebootReasons(state: MachineState): readonly string[] {
  const stale = staleServices(state).filter((service) => service.needsBoot);
  return [
    ...stale.map((service) => {
      const name = service.service === init ? 'systemd (PID 1)' : unitOf(service);
      return `${name} runs on files of ${replacedUnder(state, service).join(', ')}, which were replaced`;
    }),
    ...state.rebootAskedBy.map((name) => `asked for by ${name}`),
  ];
}

/** As systemd names it. */
export function unitOf(service: Service): string {
  return `${service.service}.service`;
}

/** A service is called by its name or by its unit's. */
export function isNamed(service: Service, name: string): boolean {
  return service.service === name || unitOf(service) === name;
}

export function findService(state: MachineState, name: string): Service | undefined {
  return state.services.find((service) => isNamed(service, name));
}

function replacedUnder(state: MachineState, service: Service): readonly string[] {
  return service.uses.filter((name) => service.startedWith[name] !== versionOf(state, name));
}

function isBroken(state: MachineState, archive: Archive, service: Service): boolean {
  return state.packages.some((installed) => {
    if (installed.status === 'half-installed' && service.uses.includes(installed.package)) return true;
    const broken = archive.find(installed.package, installed.version)?.faults?.breaksService;
    return broken !== undefined && isNamed(service, broken);
  });
}

function versionOf(state: MachineState, name: string): string {
  return state.packages.find((installed) => installed.package === name)?.version ?? '';
}
