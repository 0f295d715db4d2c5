/** What a command finds in its environment. Besides config.ts the only place of the control plane that reads it. */

/** The database that the environment names, for commands against servers that are not ours; undefined without one. */
export function databaseUrlOf(environment = process.env): string | undefined {
  return environment['DATABASE_URL'] || undefined;
}

/** The folder of the certificate authority that the environment names, for commands that need it; undefined without one. */
export function authorityFolderOf(environment = process.env): string | undefined {
  return environment['PATCHCYCLE_AUTHORITY'] || undefined;
}

/** Who gives an order where nobody is named: the person at the keyboard. */
export function personAtKeyboard(environment = process.env): string {
  return environment['SUDO_USER'] ?? environment['USER'] ?? 'operator';
}
