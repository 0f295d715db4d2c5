import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Everything the kernel and /run still hold of a lab: processes, namespaces, cgroups, mounts, loop devices, locks. */
export function tracesOf(hash: string, directory: string): readonly string[] {
  const listed = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : []);
  const processes = listed('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLineOf(pid));
  const lines = [
    ...processes,
    ...listed('/run/netns'),
    ...['', 'unified', 'systemd', 'memory', 'cpuacct', 'pids'].flatMap((name) => listed(join('/sys/fs/cgroup', name))),
    ...readFileSync('/proc/self/mountinfo', 'utf8').split('\n'),
    ...listed('/sys/block').map((block) => backingFileOf(block)),
    ...listed('/run/systemd/nspawn/propagate'),
  ];
  return lines.filter((line) => line.includes(hash) || line.includes(basename(directory)));
}

function commandLineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function backingFileOf(block: string): string {
  const file = join('/sys/block', block, 'loop/backing_file');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
