import { withRunningIn } from '../../operator/connect.ts';
import { installBare, installedIn } from './bare-apt.ts';
import { reboot } from './boot.ts';
import { inSeconds, type Pair } from './figures.ts';
import { WrongResult } from './repeat.ts';
import type { Stage } from './stage.ts';
import { runCycle } from './whole-cycle.ts';

const policyName = 'all-at-once';

/** What an endpoint has installed must be the same after every run, whichever side it was. */
export class SameEverywhere {
  #expected: string | undefined;

  /** @throws WrongResult that names the first endpoint that differs */
  async check({ lab, endpoints }: Stage, side: string): Promise<void> {
    for (const endpoint of endpoints) {
      const installed = await installedIn(lab, endpoint);
      this.#expected ??= installed;
      if (installed === this.#expected) continue;
      throw new WrongResult(`${endpoint} has other packages after ${side} than it should have.`);
    }
  }
}

/** One run of each side, each from the fresh state, and both must come to the same. */
export async function runPair(stage: Stage, same: SameEverywhere, say: (line: string) => void): Promise<Pair> {
  const { state, lab, endpoints, pending, fresh, clientId } = stage;
  await fresh.restore();
  const startedAt = performance.now();
  await installBare(lab, endpoints, pending);
  const bareSeconds = (performance.now() - startedAt) / 1000;
  await same.check(stage, 'apt-get');
  const installedAt = performance.now();
  await reboot(lab, endpoints);
  const rebootSeconds = (performance.now() - installedAt) / 1000;
  say(`  apt-get     ${inSeconds(bareSeconds)}, and ${inSeconds(rebootSeconds)} for the reboot that is due then`);

  await fresh.restore();
  const cycle = await withRunningIn(state, (running) =>
    runCycle(running, { clientId, policyName, endpoints: endpoints.length }),
  );
  say(`  patchcycle  ${inSeconds(cycle.seconds)}, rolled out after ${inSeconds(cycle.rolledOutSeconds)}`);
  say(`              ${cycle.steps.map(({ step, seconds }) => `${step} ${seconds.toFixed(1)}`).join(', ')}`);
  await same.check(stage, 'the cycle');
  return { bareSeconds, rebootSeconds, cycle };
}
