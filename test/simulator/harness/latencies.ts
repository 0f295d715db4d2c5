import type { Latencies, Random } from './interface.ts';

/** Some milliseconds, as between processes on one network. */
const upTo = (most: number) => (random: Random) => Math.floor(random() * (most + 1));

export const defaultLatencies: Latencies = {
  workflowTaskStart: upTo(8),
  workflowTaskEnd: upTo(4),
  activityStart: upTo(12),
  transfer: upTo(12),
};
