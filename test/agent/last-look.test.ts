/** The last look at what apt is about to do, told as apt 2.6 tells it: nothing but the plan may pass. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { askingBefore, objectionTo, parseActs } from '../../agent/debian/apt/last-look.ts';

const patch = { package: 'openssl', architecture: 'amd64', from: '3.0.20-1', to: '3.0.22-1' };
const order = { patches: [patch], allowRemove: ['old'] };

const upgrade = 'openssl 3.0.20-1 amd64 foreign < 3.0.22-1 amd64 foreign /var/cache/openssl_3.0.22-1_amd64.deb';
const configure = 'openssl 3.0.20-1 amd64 foreign < 3.0.22-1 amd64 foreign **CONFIGURE**';
const hookInput = (...acts: readonly string[]) =>
  `VERSION 3\nAPT::Architecture=amd64\nDPkg::Pre-Install-Pkgs::=agent%20look\n\n${acts.join('\n')}\n`;

describe('what apt is about to do', () => {
  test('is not objected to when it is the plan and nothing else', () => {
    expect(objectionTo(hookInput(upgrade, configure), order)).toBeNull();
    expect(objectionTo(hookInput(upgrade, 'old 1.0 amd64 none > - - none **REMOVE**', configure), order)).toBeNull();
  });

  test.each([
    ['other 1.0 amd64 none > - - none **REMOVE**', 'would remove other, which the plan does not allow'],
    ['openssl 3.0.23-1 amd64 foreign > 3.0.22-1 amd64 foreign /o.deb', 'would downgrade openssl'],
    ['libnew - - none < 1.0 amd64 same /l.deb', 'would also install libnew 1.0, which is not in the plan'],
    ['openssl 3.0.20-1 amd64 foreign < 3.0.23-1 amd64 foreign /o.deb', 'also install openssl 3.0.23-1'],
    ['openssl 3.0.20-1 i386 foreign < 3.0.22-1 i386 foreign /o.deb', 'also install openssl 3.0.22-1'],
    ['openssl 3.0.20-1 amd64 foreign < 3.0.22-1 amd64 foreign **ERROR**', 'cannot be read'],
    ['something that nobody has described', 'cannot be read'],
  ])('is refused: %s', (act, words) => {
    expect(objectionTo(hookInput(upgrade, act), order)).toContain(words);
  });

  test('is refused in any other version of the protocol', () => {
    for (const other of ['', '/var/cache/openssl_3.0.22-1_amd64.deb\n', hookInput(upgrade).replace('3\n', '2\n')]) {
      expect(objectionTo(other, order)).toContain('cannot be read');
    }
  });

  test('never passes with a line more than the plan has', () => {
    const word = fc.stringMatching(/^[a-z0-9][a-z0-9.+-]{1,8}$/);
    fc.assert(
      fc.property(word, word, fc.constantFrom('<', '=', '>'), (name, version, sign) => {
        fc.pre(name !== patch.package && name !== 'old');
        const beyond = `${name} 1.0 amd64 none ${sign} ${version} amd64 none /${name}.deb`;
        expect(objectionTo(hookInput(upgrade, beyond), order)).not.toBeNull();
      }),
    );
  });

  test('is read with what is new, and what is only configured', () => {
    expect(parseActs(hookInput('libnew - - none < 1:2.0-1 all none /l.deb', configure))).toMatchObject([
      { name: 'libnew', act: 'install', version: '1:2.0-1', architecture: 'all', older: false },
      { name: 'openssl', act: 'configure' },
    ]);
  });
});

test('apt knows the hook by its first word, and its other words are kept together', () => {
  expect(askingBefore(['/usr/bin/node', "/opt/it's here/agent.js"], '/run/1')).toEqual([
    `-oDPkg::Pre-Install-Pkgs::=/usr/bin/node '/opt/it'\\''s here/agent.js' look /run/1`,
    '-oDPkg::Tools::Options::/usr/bin/node::Version=3',
  ]);
});
