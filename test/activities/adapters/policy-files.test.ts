import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClientFilesInvalid, readClientFiles } from '../../../activities/adapters/policy-files/yaml.ts';
import { emergencyPolicy } from '../../../domain/policies/policy.ts';

const example = join(import.meta.dirname, '../../../examples/acme');

describe('the example client', () => {
  it('is read whole: two sites in two zones, six endpoints, a baseline and a policy', async () => {
    const files = await readClientFiles(example);
    expect(files.client).toEqual({ id: 'acme', name: 'Acme Corporation' });
    expect(files.sites.map(({ id, timeZone }) => [id, timeZone])).toEqual([
      ['berlin', 'Europe/Berlin'],
      ['chicago', 'America/Chicago'],
    ]);
    expect(files.sites[0]?.networks).toEqual([{ cidr: '10.77.1.0/24', routed: false }]);
    expect(files.endpoints).toHaveLength(6);
    expect(files.policies.map(({ name }) => name)).toEqual(['provider-baseline', 'servers']);
  });

  it('gives its servers what the baseline says and what they say themselves, in numbers with units', async () => {
    const policy = (await readClientFiles(example)).policies.find(({ name }) => name === 'servers');
    expect(policy?.gate).toEqual({
      soakMinutes: 5 / 60,
      atLeastVerified: 1,
      failuresAtMost: 0,
      failurePercentAtMost: null,
    });
    expect(policy?.rings.map(({ name, take }) => [name, take])).toEqual([
      ['canary', { count: 1 }],
      ['early', { percent: 20 }],
      ['rest', 'rest'],
    ]);
    expect(policy?.windows).toContainEqual({
      words: 'day after second Tuesday, 22:00',
      opens: { every: 'month', nth: 2, weekday: 'Tuesday', daysAfter: 1, at: '22:00' },
      lastsMinutes: 240,
    });
    expect(policy?.checks).toEqual([{ service: 'systemd-journald' }, { service: 'dbus' }]);
    expect(policy && emergencyPolicy(policy).changeApproval).toEqual({ persons: 1, withinMinutes: 30 });
  });

  it('means a blackout of whole days through the end of the last one, at each site', async () => {
    const { sites } = await readClientFiles(example);
    for (const { blackouts } of sites)
      expect(blackouts[0]).toMatchObject({ from: '2026-12-24 00:00', until: '2027-01-02 00:00' });
  });
});

describe('problems in a client’s files', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'client-files-'));
    await cp(example, directory, { recursive: true });
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const servers = 'policies/servers.yaml';

  /** Edits one file of the example and says what is wrong then, without the folder's name. */
  async function problemsAfter(file: string, edit: (text: string) => string): Promise<readonly string[]> {
    const path = join(directory, file);
    await writeFile(path, edit(await readFile(path, 'utf8')));
    return problems();
  }
  async function problems(): Promise<readonly string[]> {
    const error: unknown = await readClientFiles(directory).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (error === null) return [];
    if (!(error instanceof ClientFilesInvalid)) throw error;
    return error.problems.map((problem) => problem.replace(`${directory}/`, ''));
  }

  async function lineOf(file: string, words: string): Promise<number> {
    const text = await readFile(join(directory, file), 'utf8');
    return text.slice(0, text.indexOf(words)).split('\n').length;
  }

  it.each<[string, string, string, string, string]>([
    [
      'an amount nobody understands',
      servers,
      'take: 20%',
      'take: many',
      'rings[1].take: "many" is not something a ring can take; write 20%, 3 or rest (at least 1, at most 100%)',
    ],
    ['a misspelled key', servers, 'take: 1 ', 'tak: 1 ', 'rings[0].tak: is not known here; did you mean take?'],
    ['a key that is like none', servers, 'extends:', 'colour:', 'colour: is not known here; write one of policy,'],
    [
      'a class that cannot be approved',
      servers,
      'class: bugfix',
      'class: unknown',
      'approve[2].class: "unknown" is not known; write one of security, bugfix, feature',
    ],
    [
      'a single severity that is misspelled',
      servers,
      'severity: [critical, important]',
      'severity: crtical',
      'approve[0].severity: "crtical" is not known; did you mean critical?',
    ],
    [
      'a day that does not exist',
      servers,
      'until: 2027-01-31',
      'until: 2027-02-31',
      'block[0].until: "2027-02-31" is not a day; write 2027-01-31',
    ],
    [
      'a range without a relation',
      servers,
      "'>= 15.9'",
      '15.9',
      'block[0].versions: 15.9 is not a range of versions; write ">= 1.24"',
    ],
    [
      'an opening nobody understands',
      servers,
      'every Sunday, 02:00',
      'Sundays, 02:00',
      'windows[1].opens: "Sundays, 02:00" is not an opening; write "every Sunday, 02:00"',
    ],
    [
      'a length of time without its unit',
      servers,
      'lasts: 3 hours',
      'lasts: 3',
      'windows[1].lasts: 3 is not a length of time; write 10 seconds, 30 minutes, 4 hours or 7 days',
    ],
    [
      'a check that is none',
      servers,
      'service: dbus',
      'servce: dbus',
      'checks[0]: is not a check; write { service: nginx }',
    ],
    [
      'a last ring that leaves endpoints out',
      servers,
      '{ name: rest }',
      '{ name: rest, take: 2 }',
      'rings[2]: is the last ring and must take the rest of all segments; write { name: rest }',
    ],
    ['two rings of one name', servers, 'name: early', 'name: canary', 'rings[1]: ring canary is there twice'],
    [
      'a policy that is not there',
      servers,
      'extends: provider-baseline',
      'extends: provider-baselin',
      'extends: no policy provider-baselin is there; did you mean provider-baseline?',
    ],
    [
      'an endpoint that is not there',
      servers,
      '[chicago-app-2]',
      '[chicago-app-3]',
      'exceptions[0].endpoints[0]: no endpoint chicago-app-3 is there; did you mean chicago-app-',
    ],
    [
      'a segment that is not there',
      servers,
      'name: early,',
      'name: early, segments: webs,',
      'rings[1].segments: no segment webs is there; did you mean web?',
    ],
    [
      'a site that is not there',
      servers,
      'applies: {',
      'applies: { site: berln,',
      'applies.site: no site berln is there; did you mean berlin?',
    ],
    [
      'an endpoint’s site that is not there',
      'endpoints.yaml',
      'berlin-db-1, site: berlin',
      'berlin-db-1, site: bonn',
      'endpoints[2].site: no site bonn is there; write one of berlin, chicago',
    ],
    [
      'an endpoint twice',
      'endpoints.yaml',
      'berlin-web-2',
      'berlin-web-1',
      'endpoints[1].endpoint: berlin-web-1 is there twice; keep one of them',
    ],
    [
      'an unknown zone',
      'client.yaml',
      'America/Chicago',
      'CST',
      'sites[1].zone: "CST" is not an IANA time zone; write Europe/Berlin',
    ],
    [
      'an address that is no network',
      'client.yaml',
      '10.77.1.0/24',
      '10.77.1.0',
      'sites[0].networks[0].cidr: is not a network; write 10.77.1.0/24',
    ],
    ['two sites of one name', 'client.yaml', 'site: chicago', 'site: berlin', 'sites[1].site: berlin is there twice'],
    [
      'a name that would break an id',
      'client.yaml',
      'client: acme',
      'client: Acme/1',
      'client: is not a name; write small letters, digits and dashes',
    ],
  ])('%s', async (_, file, wrote, instead, expected) => {
    const line = await lineOf(file, wrote);
    const found = await problemsAfter(file, (text) => text.replace(wrote, instead));
    expect(
      found.some((problem) => problem.startsWith(`${file}:${line}: ${expected}`)),
      found.join('\n'),
    ).toBe(true);
  });

  it.each([
    [
      'a shorter soak',
      'gate: { soak: 2 seconds }',
      'gate.soak: 2 seconds is looser than 5 seconds in provider-baseline, which it extends',
    ],
    [
      'more failures',
      'gate: { failuresAtMost: 1 }',
      'gate.failuresAtMost: 1 is looser than 0 in provider-baseline, which it extends',
    ],
    [
      'no snapshots',
      'snapshot: { required: false }',
      'snapshot.required: false is looser than true in provider-baseline, which it extends',
    ],
  ])('a layer may not loosen: %s', async (_, line, expected) => {
    const lines = (await readFile(join(directory, servers), 'utf8')).split('\n').length;
    const found = await problemsAfter(servers, (text) => `${text}${line}\n`);
    expect(found).toEqual([`policies/servers.yaml:${lines}: ${expected}`]);
  });

  it('a block nobody answers for is refused where it begins', async () => {
    const line = await lineOf(servers, 'package: postgresql-15');
    const found = await problemsAfter(servers, (text) => text.replace(/ *owner: dana.*\n/, ''));
    expect(found).toEqual([`${servers}:${line}: block[0].owner: is missing; write a text (put numbers in quotes)`]);
  });

  it('text that is no YAML is refused with its line', async () => {
    const line = await lineOf('client.yaml', 'sites:');
    const found = await problemsAfter('client.yaml', (text) => text.replace('sites:', 'sites: ]'));
    expect(found[0]).toMatch(new RegExp(`^client.yaml:${line}: `));
  });

  it('a layer may not approve sooner', async () => {
    const found = await problemsAfter(servers, (text) => text.replace('14 days after release', '6 days after release'));
    expect(found).toEqual([
      'policies/servers.yaml:9: approve[2]: bugfix of severity critical is approved sooner than above: provider-baseline, which it extends, approves it 7 days after release',
    ]);
  });

  it('a policy may not extend itself by way of another', async () => {
    const found = await problemsAfter('policies/provider-baseline.yaml', (text) => `${text}\nextends: servers\n`);
    expect(found.join()).toContain('extends itself by way of');
  });

  it('a policy that applies must say when it may work', async () => {
    const found = await problemsAfter(servers, (text) => text.replace(/windows:\n.*\n.*\n/, ''));
    expect(found).toEqual([
      'policies/servers.yaml:2: windows: is missing here and in what it extends; a policy that applies must state it',
    ]);
  });

  it('an endpoint nobody has judged counts as highly critical', async () => {
    const path = join(directory, 'endpoints.yaml');
    await writeFile(path, (await readFile(path, 'utf8')).replace('criticality: low, ', ''));
    expect((await readClientFiles(directory)).endpoints[0]).toMatchObject({
      name: 'berlin-web-1',
      criticality: 'high',
    });
  });

  it('all problems of all files are said at once', async () => {
    await problemsAfter('client.yaml', (text) =>
      text.replace('Europe/Berlin', 'Berlin').replace('10.77.1.0/24', 'all'),
    );
    await problemsAfter('endpoints.yaml', (text) => text.replace('criticality: high', 'criticality: hgh'));
    const found = await problemsAfter(servers, (text) =>
      text.replace('take: 1 ', 'take: 0 ').replace('lasts: 3 hours', 'lasts: long'),
    );
    expect(found.map((problem) => problem.split(':')[0])).toEqual([
      'client.yaml',
      'client.yaml',
      'endpoints.yaml',
      'policies/servers.yaml',
      'policies/servers.yaml',
    ]);
  });

  it('YAML that nobody would read is refused', async () => {
    await writeFile(join(directory, 'policies/laptops.yml'), 'policy: laptops\n');
    expect(await problems()).toEqual(['policies/laptops.yml: is not read; policies go into policies/NAME.yaml']);
  });

  it('a missing file is said with its name', async () => {
    await rm(join(directory, 'endpoints.yaml'));
    expect(await problems()).toEqual(['endpoints.yaml: cannot be read: there is no such file']);
  });
});
