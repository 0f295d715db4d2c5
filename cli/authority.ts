import { resolve } from 'node:path';
import { authorityFolderOf } from '../operator/environment.ts';
import { badInput } from './exit.ts';

/** The folder of the certificate authority: the one that was named, else the environment's. */
export function authorityFolder(named: string | undefined): string {
  const folder = named ?? authorityFolderOf();
  if (folder) return resolve(folder);
  throw badInput('Say where the certificate authority is: --authority DIR, or PATCHCYCLE_AUTHORITY.');
}
