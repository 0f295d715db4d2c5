import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Where the tests lie that last longest, the longest first. */
const long = ['/test/stories/lab/', '/test/stories/', '/test/simulator/mutants/', '/test/simulator/simulator.'];

/** Starts first what lasts longest, so that it is not left alone at the end. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const found = long.findIndex((part) => moduleId.includes(part));
      return found < 0 ? long.length : found;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- vitest's own, which sorts no array of ours
    const usual = await super.sort(files);
    return usual.toSorted((a, b) => rank(a) - rank(b));
  }
}
