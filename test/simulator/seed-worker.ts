/** A process of its own that judges the seeds it is given, one after another, and tells each result. */
import { bundleOf } from './harness/bundle.ts';
import { judgeSeed } from './judge-seed.ts';
import type { Size } from './world/scenario.ts';

/** The seeds from the first, in steps, up to the last one. */
export type Share = { readonly from: number; readonly until: number; readonly step: number; readonly size: Size };

process.once('message', (share: Share) => {
  void judgeShare(share);
});

async function judgeShare({ from, until, step, size }: Share): Promise<void> {
  const bundle = await bundleOf();
  for (let seed = from; seed <= until; seed += step) process.send?.(await judgeSeed(seed, size, { bundle }));
  process.disconnect();
}
