/** One transaction for one plan, after a dry run has shown that nothing else would happen. */
import type { Run } from '../../machine.ts';
import { unattended } from './apt-get.ts';
import { complaints, packagesAtFault, readTail } from './output.ts';
import { plan } from './planning.ts';
import type { Plan } from './planning.ts';
import type { Account } from './run-files.ts';
import { runHere } from './transaction.ts';

type Install = Extract<Run, { kind: 'install' }>;

/** The package manager goes first and alone: what follows is then done by the new one from beginning to end. */
const packageManager = /^(apt|apt-utils|dpkg|libapt-pkg[0-9.]+|libapt-inst[0-9.]+)$/;

const outputBytes = 256 * 1024;

export async function install(order: Install, output: string): Promise<Account> {
  const { patches } = order;
  const own = patches.filter((patch) => packageManager.test(patch.package));
  const whole = await plan(patches);
  const refused = objection(order, whole);
  if (refused !== null) return refusal(refused);
  if (own.length === 0 || own.length === patches.length) return carryOut(whole, order, output);
  const first = await carryOut(await plan(own), order, output);
  return first.ending === 'finished' ? carryOut(await plan(patches), order, output) : first;
}

async function carryOut(planned: Plan, order: Install, output: string): Promise<Account> {
  const refused = objection(order, planned);
  if (refused !== null) return refusal(refused);
  if (planned.simulation.installs.length === 0) return finished;
  const code = await runHere('apt-get', installArguments(planned.specifications, order), order.limitMinutes * 60);
  return code === 0 ? finished : failure(code, output);
}

const finished: Account = { ending: 'finished', because: 'apt-get has finished.', packagesAtFault: [] };

function refusal(because: string): Account {
  return { ending: 'failed', because: `Not installed, because ${because}.`, packagesAtFault: [] };
}

/** What apt-get is told. It may download nothing, downgrade nothing, and remove nothing unless that was allowed. */
export function installArguments(
  specifications: readonly string[],
  { allowRemove, limitMinutes }: Pick<Install, 'allowRemove' | 'limitMinutes'>,
): readonly string[] {
  return [
    'install',
    ...unattended,
    '--no-download',
    ...(allowRemove.length === 0 ? ['--no-remove'] : []),
    `-oDPkg::Lock::Timeout=${limitMinutes * 30}`,
    ...specifications,
  ];
}

/** Why the plan must not be carried out; null when the dry run shows the plan and nothing else. */
export function objection(order: Install, { simulation, impossible }: Plan): string | null {
  const [first] = impossible;
  if (first) return `${first.package} cannot be installed (${first.because})`;
  const removes = simulation.removes.filter((name) => !order.allowRemove.includes(name));
  if (removes.length > 0)
    return `the package manager would remove ${removes.join(', ')}, which the plan does not allow`;
  if (simulation.downgrades.length > 0) {
    return `the package manager would downgrade ${simulation.downgrades.join(', ')}`;
  }
  const beyond = simulation.installs.filter(
    (found) =>
      !order.patches.some(
        (patch) =>
          patch.package === found.package && patch.architecture === found.architecture && patch.to === found.to,
      ),
  );
  if (beyond.length === 0) return null;
  const named = beyond.map((found) => `${found.package} ${found.to}`).join(', ');
  return `the package manager would also install ${named}, which is not in the plan`;
}

async function failure(code: number | null, output: string): Promise<Account> {
  const text = await readTail(output, outputBytes);
  const said = complaints(text);
  const ended = code === null ? 'apt-get was ended' : `apt-get ended with ${code}`;
  return {
    ending: 'failed',
    because: said === '' ? `${ended}.` : `${ended}: ${said}.`,
    packagesAtFault: [...packagesAtFault(text)],
  };
}
