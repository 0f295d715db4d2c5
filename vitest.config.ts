import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/setup/closing-line.ts';
import { LongestFirst } from './test/setup/longest-first.ts';

/** Which tests need what: a folder, or the end of a file's name. Everything else runs without any server. */
const wholeStacks = ['test/stories/**/*.test.ts', 'test/**/*.stack.test.ts'];
const needsLab = ['test/fleets/lab/**/*.test.ts', 'test/**/*.lab.test.ts'];

export default defineConfig({
  test: {
    pool: 'forks',
    reporters: ['default', new ClosingLine()],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...wholeStacks, ...needsLab],
          // Some simulate whole endpoints, and CI's two cores may be busy.
          testTimeout: 20_000,
          // Of two cores the default would leave one idle.
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'lab',
          include: needsLab,
          exclude: wholeStacks,
          // First of the two: it installs what a lab needs and builds its base once, for the whole stacks in labs.
          // They share one running lab: one file at a time, in one process.
          fileParallelism: false,
          isolate: false,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'stack',
          include: wholeStacks,
          globalSetup: ['test/setup/servers.ts'],
          // They wait for servers more than they compute.
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
