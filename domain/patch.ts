/** A patch is one package at one version for one endpoint. */
export type Patch = {
  readonly package: string;
  readonly architecture: string;
  /** The installed version; null when the package is new on the endpoint (pulled in by another patch). */
  readonly from: string | null;
  readonly to: string;
};

/** An update that an endpoint's package manager offers. */
export type AvailableUpdate = {
  readonly package: string;
  readonly architecture: string;
  readonly from: string;
  readonly to: string;
  /** The source package and version the binary was built from. */
  readonly source: string;
  readonly sourceVersion: string;
  /** Archive labels as apt prints them, e.g. `Debian-Security:12/oldstable-security`. */
  readonly origins: readonly string[];
  /** Bytes to fetch. */
  readonly sizeBytes: number;
};

/** What the package manager says it would do, before it does it. */
export type DryRun = {
  /** Installs and upgrades, the planned ones and those that come with them. */
  readonly patches: readonly Patch[];
  /** Names of packages that would be removed. */
  readonly removes: readonly string[];
  /** Names of packages that would go to an older version. */
  readonly downgrades: readonly string[];
  /** Planned packages that cannot be installed, with the package manager's words. */
  readonly impossible: readonly { readonly package: string; readonly because: string }[];
};

/** A patch for every endpoint that is offered it: one package at one version, whatever it replaces. */
export type PatchId = { readonly package: string; readonly architecture: string; readonly version: string };

/** As people and halts name a patch, on every architecture: `openssl=3.0.11-1`. */
export function patchName({ package: name, version }: Pick<PatchId, 'package' | 'version'>): string {
  return `${name}=${version}`;
}

/** One patch apart from every other, as apt writes it: `cron:amd64=3.0pl1-162`. */
export function patchKey(patch: PatchId): string {
  return `${patch.package}:${patch.architecture}=${patch.version}`;
}
