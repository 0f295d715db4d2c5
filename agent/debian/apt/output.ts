/** Reads what apt and dpkg print while they work. */
import { open } from 'node:fs/promises';
import { lines } from '../dpkg.ts';
import { lockHolder } from './apt-get.ts';

/** Packages whose own step failed; those that only wait for one of them are not at fault. */
export function packagesAtFault(output: string): readonly string[] {
  const all = output.split('\n');
  const names = all.flatMap((line, at) => {
    const [, what = ''] = /^dpkg: error processing (?:package|archive) (\S+) \(/.exec(line) ?? [];
    if (what === '' || /dependency problems - leaving/.test(all[at + 1] ?? '')) return [];
    return [nameOf(what)];
  });
  return [...new Set(names)];
}

/** `nginx`, `libc6:amd64`, `/folder/nginx_1.2-3_amd64.deb`; apt numbers the files when there are many: `.../07-nginx_…`. */
function nameOf(what: string): string {
  const unnumbered = what.replace(/^(?:\/tmp\/apt-dpkg-install-[^/]*|\.\.\.)\/[0-9]+-/, '');
  return unnumbered.replace(/^.*\//, '').replace(/[_:].*$/, '');
}

const step = /^(?:Setting up|Unpacking|Preparing to unpack|Processing triggers for|Removing) (\S+)/;

/** The package that was being worked on last: where a run that hung was hanging. */
export function packageInWork(output: string): string | null {
  const last = lines(output).findLast((line) => step.test(line));
  const what = last === undefined ? undefined : step.exec(last)?.[1];
  return what === undefined ? null : nameOf(what);
}

/** In words, for people who look while it runs. */
export function describeDoing(output: string): string {
  const last = lines(output).at(-1);
  if (last === undefined) return 'It has begun.';
  const holder = lockHolder(last);
  if (holder !== null) return `It waits for the package manager, which ${holder} holds.`;
  return last.trim().slice(0, 200);
}

/** What dpkg and apt complained of, in one line; empty when they did not. */
export function complaints(output: string): string {
  const said = lines(output).filter((line) =>
    /^(E: |dpkg: error|\s*installed .* (script|subprocess).* returned error)/.test(line),
  );
  return said
    .slice(0, 3)
    .map((line) => line.trim().replace(/^E: /, '').replace(/:$/, ''))
    .join('; ')
    .slice(0, 600);
}

/** The end of a file that may be long; empty when there is none. */
export async function readTail(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'r').catch(() => null);
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - bytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await file.close();
  }
}
