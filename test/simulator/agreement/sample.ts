/** A sample of seeds on the harness and on a real server, told as it goes. */
import { compareOn } from './agree.ts';
import { withServer } from './server.ts';

/** Whether all of them came to the same in both places. */
export async function sampleAgrees(seeds: readonly number[]): Promise<boolean> {
  let agreeing = 0;
  let compared = 0;
  await withServer(async (server) => {
    for (const seed of seeds) {
      const { workflows, differences } = await compareOn(server, seed);
      compared += workflows;
      if (differences.length === 0) agreeing += 1;
      for (const difference of differences) console.log(`seed ${seed} differs on a real server: ${difference}`);
    }
  });
  const named = `seeds ${seeds.join(', ')}, ${compared} workflows`;
  console.log(`real server: ${agreeing} of ${seeds.length} seeds agree (${named})`);
  return agreeing === seeds.length;
}
