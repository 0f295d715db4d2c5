/** Something that answered on a site's network. */
export type Sighting = {
  readonly address: string;
  /** The hardware address, lower case with colons; null where the scan could not see it. */
  readonly macAddress: string | null;
};

/**
 * Scans a site's network. An implementation must refuse (`ScanRefused`) a network that is not directly connected to
 * the machine it runs on, unless `routed` says that the site's configuration allows it: a scan must never leave the site.
 */
export interface NetworkPort {
  scan(
    network: { readonly cidr: string; readonly routed: boolean },
    signal?: AbortSignal,
  ): Promise<readonly Sighting[]>;
}

export class ScanRefused extends Error {
  override readonly name = 'ScanRefused';
}
