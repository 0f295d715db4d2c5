/** Which fleet to bring up, and why that one. */
import { setTimeout as delay } from 'node:timers/promises';
import { installPackages, missingPackages, whyNoLab } from '../fleets/lab/requirements.ts';
import type { Fleet } from '../fleets/fleet.ts';
import { labFleet } from '../fleets/lab/fleet.ts';
import { simulatedFleet } from '../fleets/simulated/fleet.ts';
import { badInput } from './exit.ts';

const noticeSeconds = 5;

/** @throws Exit when the lab is insisted on and this machine cannot have one */
export async function chooseFleet(
  asked: string | undefined,
  stateDirectory: string,
  say: (line: string) => void,
): Promise<Fleet> {
  if (asked !== undefined && asked !== 'lab' && asked !== 'simulated')
    throw badInput(`--fleet ${asked}: write lab or simulated.`);
  if (asked === 'simulated') {
    say('Fleet: simulated, as asked: the real agent program over simulated machines.');
    return simulatedFleet(stateDirectory);
  }
  const why = whyNoLab();
  if (why) {
    if (asked === 'lab') throw badInput(`There can be no lab here: ${why}`);
    say(`Fleet: simulated, since there can be no lab here: ${why}`);
    return simulatedFleet(stateDirectory);
  }
  say('Fleet: the lab, real Debian machines on this one, each with systemd, apt and updates genuinely pending.');
  await installMissing(say);
  return labFleet(stateDirectory);
}

async function installMissing(say: (line: string) => void): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  say(`The lab needs ${missing.join(', ')}. They are installed with apt in ${noticeSeconds} seconds; Ctrl-C stops it.`);
  await delay(noticeSeconds * 1000);
  await installPackages(missing);
}
