/** What is known of an endpoint, and what can be found on it. Plain data; the agent's schemas agree with it. */

/** How a process reaches an agent: over the site's network, or through a socket file where there is no route (a sandbox). */
export type AgentAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export type OperatingSystem = {
  /** As in os-release: `debian`, `ubuntu`. */
  readonly id: string;
  /** As in os-release: `12`. */
  readonly version: string;
  readonly codename: string;
};

export type Hardware = {
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryMebibytes: number;
  readonly rootDiskMebibytes: number;
  readonly rootFreeMebibytes: number;
  /** What systemd-detect-virt says; `none` on bare metal. */
  readonly virtualization: string;
};

export type InstalledPackage = {
  readonly package: string;
  readonly version: string;
  readonly architecture: string;
};

/** Something other than Patchcycle that may install updates: rings mean nothing while one runs. */
export type OtherUpdater = { readonly name: string; readonly on: boolean };

/** Due when what runs is older than what is installed. `because` is empty when none is due. */
export type PendingReboot = { readonly due: boolean; readonly because: readonly string[] };

/** The boot that runs, and whether it has to end. */
export type BootState = { readonly bootId: string; readonly pendingReboot: PendingReboot };

export type ServiceState = {
  readonly service: string;
  /** `restarting`: it ended, and systemd starts it again and again. `failed`: systemd has given it up. */
  readonly state: 'running' | 'stopped' | 'restarting' | 'failed';
};

export type Inventory = {
  readonly takenAt: string;
  readonly hostname: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly generation: number;
  readonly agentVersion: string;
  /** Of Node, which runs the agent. Every agent says it; inventories that were recorded before they did lack it. */
  readonly runtimeVersion?: string;
  readonly os: OperatingSystem;
  readonly kernel: string;
  readonly hardware: Hardware;
  readonly packages: readonly InstalledPackage[];
  readonly heldPackages: readonly string[];
  /** Third-party applications: packages whose origin is none of the distribution's archives. */
  readonly applications: readonly InstalledPackage[];
  readonly services: readonly ServiceState[];
  readonly pendingReboot: PendingReboot;
  readonly otherUpdaters: readonly OtherUpdater[];
};

/** What an agent says when it is only asked whether it is there. */
export type AgentHealth = {
  readonly agentVersion: string;
  /** Of Node, which runs the agent. */
  readonly runtimeVersion: string;
  readonly endpointId: string;
  readonly generation: number;
  readonly bootId: string;
};
