/** What the harness says of the product's own workflows, against a real server. */
import { expect, it } from 'vitest';
import { compareOn } from './agree.ts';
import { withServer } from './server.ts';

it('comes to the same on the harness and on a real server', { timeout: 240_000 }, async () => {
  await withServer(async (server) => {
    for (const seed of [1, 2]) {
      const { workflows, differences } = await compareOn(server, seed);
      expect(differences, `seed ${seed}`).toEqual([]);
      expect(workflows).toBeGreaterThan(3);
    }
  });
});
