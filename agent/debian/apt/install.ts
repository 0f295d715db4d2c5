/** One transaction for one plan, once it is known that nothing else would happen. */
import type { Run } from '../../machine.ts';
import { ownProgram } from '../../own-program.ts';
import { unattended } from './apt-get.ts';
import { specificationOf } from './archives.ts';
import { askingBefore, forgetVerdict, verdictIn } from './last-look.ts';
import { complaints, packagesAtFault, readTail } from './output.ts';
import { plan } from './planning.ts';
import type { Plan } from './planning.ts';
import type { ReportedEnd, RunFiles } from './run-files.ts';
import { runHere } from './transaction.ts';

type Install = Extract<Run, { kind: 'install' }>;

const outputBytes = 256 * 1024;

/** Installs the plan. What apt-get is about to do is judged before dpkg is started (last-look.ts). */
export async function install(request: Install, files: RunFiles): Promise<ReportedEnd> {
  const specifications = request.patches.map(specificationOf);
  const first = await tryOut(specifications, request, files);
  if (first.ending === 'finished' || first.begun) return reportedEnd(first);
  // apt-get would not begin: a dry run says why, or knows of a fetched file for a version that the lists do not name.
  const planned = await plan(request.patches);
  const refused = objection(request, planned);
  if (refused !== null) return refusal(refused);
  if (planned.specifications.join(' ') === specifications.join(' ')) return reportedEnd(first);
  return reportedEnd(await tryOut(planned.specifications, request, files));
}

type Tried = ReportedEnd & {
  /** dpkg was started, or the hook refused: apt-get came as far as to know what it would do. */
  readonly begun: boolean;
};

async function tryOut(specifications: readonly string[], request: Install, files: RunFiles): Promise<Tried> {
  await forgetVerdict(files);
  const argv = installArguments(specifications, request, askingBefore(ownProgram(), files.folder));
  const code = await runHere('apt-get', argv, request.limitMinutes * 60);
  if (code === 0) return { ...finished, begun: true };
  const verdict = await verdictIn(files);
  const refused = verdict?.refusedBecause ?? null;
  return refused === null
    ? { ...(await failure(code, files.output)), begun: verdict !== null }
    : { ...refusal(refused), begun: true };
}

function reportedEnd({ ending, because, packagesAtFault: atFault }: Tried): ReportedEnd {
  return { ending, because, packagesAtFault: atFault };
}

const finished: ReportedEnd = { ending: 'finished', because: 'apt-get has finished.', packagesAtFault: [] };

function refusal(because: string): ReportedEnd {
  return { ending: 'failed', because: `Not installed, because ${because}.`, packagesAtFault: [] };
}

/** What apt-get is told. It may download nothing, downgrade nothing, and remove nothing unless that was allowed. */
export function installArguments(
  specifications: readonly string[],
  { allowRemove, limitMinutes }: Pick<Install, 'allowRemove' | 'limitMinutes'>,
  asking: readonly string[],
): readonly string[] {
  return [
    'install',
    ...unattended,
    '--no-download',
    ...(allowRemove.length === 0 ? ['--no-remove'] : []),
    ...asking,
    `-oDPkg::Lock::Timeout=${limitMinutes * 30}`,
    ...specifications,
  ];
}

/** Why the plan must not be carried out; null when the dry run shows the plan and nothing else. */
export function objection(request: Install, { simulation, impossible }: Plan): string | null {
  const [first] = impossible;
  if (first) return `${first.package} cannot be installed (${first.because})`;
  const removes = simulation.removes.filter((name) => !request.allowRemove.includes(name));
  if (removes.length > 0)
    return `the package manager would remove ${removes.join(', ')}, which the plan does not allow`;
  if (simulation.downgrades.length > 0) {
    return `the package manager would downgrade ${simulation.downgrades.join(', ')}`;
  }
  const beyond = simulation.installs.filter(
    (found) =>
      !request.patches.some(
        (patch) =>
          patch.package === found.package && patch.architecture === found.architecture && patch.to === found.to,
      ),
  );
  if (beyond.length === 0) return null;
  const named = beyond.map((found) => `${found.package} ${found.to}`).join(', ');
  return `the package manager would also install ${named}, which is not in the plan`;
}

async function failure(code: number | null, output: string): Promise<ReportedEnd> {
  const text = await readTail(output, outputBytes);
  const said = complaints(text);
  const ended = code === null ? 'apt-get was ended' : `apt-get ended with ${code}`;
  return {
    ending: 'failed',
    because: said === '' ? `${ended}.` : `${ended}: ${said}.`,
    packagesAtFault: [...packagesAtFault(text)],
  };
}
