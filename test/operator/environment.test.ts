/** What a command takes from its environment. */
import { expect, test } from 'vitest';
import { embeddedServers } from '../../operator/environment.ts';

test('the embedded servers take the ports that the environment names, and choose their own without', () => {
  const { postgres, temporal } = embeddedServers({ PATCHCYCLE_POSTGRES_PORT: '25432', PATCHCYCLE_TEMPORAL_PORT: '' });
  expect(postgres.port).toBe(25_432);
  expect([temporal.port, temporal.uiPort]).toEqual([undefined, undefined]);
});

test.for(['0', '65536', '7233.5', 'http', '-1', ' 7233'])(
  'a port of "%s" is refused by the name of its variable',
  (port) => {
    expect(() => embeddedServers({ PATCHCYCLE_TEMPORAL_UI_PORT: port })).toThrow(
      `PATCHCYCLE_TEMPORAL_UI_PORT is ${port}: write a port, a whole number from 1 to 65535, or "any".`,
    );
  },
);
