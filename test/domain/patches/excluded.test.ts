import { describe, expect, it } from 'vitest';
import { excludedByBreaker, excludedBySkip, excludedInWords } from '../../../domain/patches/excluded.ts';

const cron = { package: 'cron', architecture: 'amd64', version: '3.0' };
const skipped = { ...cron, skippedBy: 'dana', reason: 'the tills break' };

describe('an endpoint is left out', () => {
  it('with who skipped its patch and why, once for all its architectures', () => {
    const excluded = [skipped, { ...skipped, architecture: 'i386' }].map(excludedBySkip);
    expect(excludedInWords(excluded, 3)).toEqual([
      'cron 3.0 was skipped by dana: the tills break',
      'a set that loses a patch is not installed short: a successor carries the rest',
    ]);
  });

  it('without a word of a successor where there is no rest', () => {
    expect(excludedInWords([excludedBySkip(skipped)], 1)).toEqual(['cron 3.0 was skipped by dana: the tills break']);
    expect(excludedInWords([excludedByBreaker(cron)], 1)).toHaveLength(1);
  });
});
