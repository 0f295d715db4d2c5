/** A realistic cycle: 6 endpoints at 2 sites, one rolled back, one off, one unmanaged thing, one sandbox failure. */
import type { CycleFacts, PatchSetEntry, RecordedFacts, StepFacts } from '../../domain/reports/cycle-facts.ts';
import { countFigures } from '../../domain/reports/figures.ts';
import type { CheckComparison, EndpointFacts, EndpointPatchFacts } from '../../domain/reports/endpoint-facts.ts';
import { reviewCycle } from '../../domain/reports/review.ts';
import { steps } from '../../domain/rollout/steps.ts';

const security = 'it comes from the security archive Debian-Security:12/oldstable-security';

const opensslCves = [35189, 42767, 54872, 54874, 63072, 63074, 63076, 75803, 75805, 75806, 77696, 84782];

const patchSet: PatchSetEntry[] = [
  {
    package: 'libssl3',
    to: '3.0.22-1~deb12u2',
    source: 'openssl',
    class: 'security',
    severity: 'critical',
    cves: opensslCves.map((number) => `CVE-2026-${number}`),
    exploited: [
      {
        cve: 'CVE-2026-84782',
        name: 'OpenSSL DTLS Retransmission from a Stale Buffer',
        addedAt: '2026-11-20T00:00:00.000Z',
        dueAt: '2026-11-23T23:59:59.999Z',
        requiredAction: "Apply the vendor's update.",
        usedByRansomware: false,
        source: 'planted-kev.json',
        plantedBy: 'the demo, to show an emergency',
      },
    ],
    publishedAt: '2026-10-21T09:54:24.000Z',
    dueAt: '2026-11-04T09:54:24.000Z',
    decision: 'approved',
    because: [security, 'rule 1 of policy servers approves security updates that are critical or important, at once'],
  },
  {
    package: 'libexpat1',
    to: '2.5.0-1+deb12u5',
    source: 'expat',
    class: 'security',
    severity: 'important',
    cves: ['CVE-2025-59375', 'CVE-2026-56132', 'CVE-2026-77214', 'CVE-2026-102633'],
    exploited: [],
    publishedAt: '2026-11-14T22:34:41.000Z',
    dueAt: '2026-11-28T22:34:41.000Z',
    decision: 'approved',
    because: [security, 'rule 1 of policy servers approves security updates that are critical or important, at once'],
  },
  {
    package: 'shop-web',
    to: '1.1',
    source: 'shop-web',
    class: 'bugfix',
    severity: 'moderate',
    cves: [],
    exploited: [],
    publishedAt: '2026-11-10T08:00:00.000Z',
    dueAt: null,
    decision: 'approved',
    because: ['rule 2 of policy servers approves bug fixes 7 days after release; it is 11 days old'],
  },
  {
    package: 'shop-ledger',
    to: '2.0',
    source: 'shop-ledger',
    class: 'security',
    severity: 'unknown',
    cves: ['CVE-2026-20001'],
    exploited: [],
    publishedAt: null,
    dueAt: '2026-12-05T02:00:00.000Z',
    decision: 'dropped',
    because: [
      'rule 1 of policy servers approves security updates of unknown severity as important',
      'in the sandbox its service shop-ledger failed after the update: exit code 3',
    ],
  },
  {
    package: 'postgresql-15',
    to: '15.14-0+deb12u1',
    source: 'postgresql-15',
    class: 'security',
    severity: 'important',
    cves: ['CVE-2026-30303'],
    exploited: [],
    publishedAt: '2026-11-12T10:00:00.000Z',
    dueAt: '2026-11-26T10:00:00.000Z',
    decision: 'declined',
    because: [
      'blocked by dana@acme.example until 2027-01-31: the ledger\'s vendor has not released it for "15.14" & later',
    ],
  },
  {
    package: 'curl',
    to: '7.88.1-10+deb12u15',
    source: 'curl',
    class: 'security',
    severity: 'moderate',
    cves: ['CVE-2026-3783', 'CVE-2026-3784'],
    exploited: [],
    publishedAt: '2026-10-08T14:16:21.000Z',
    dueAt: '2026-11-07T14:16:21.000Z',
    decision: 'excepted',
    because: ['exception of omar@acme.example until 2026-12-15: the export runs on the old one until year-end'],
  },
  {
    package: 'tzdata',
    to: '2026c-0+deb12u1',
    source: 'tzdata',
    class: 'bugfix',
    severity: 'low',
    cves: [],
    exploited: [],
    publishedAt: '2026-11-18T09:00:00.000Z',
    dueAt: null,
    decision: 'waiting',
    because: ['rule 2 of policy servers approves bug fixes 7 days after release; it is 3 days old'],
  },
];

const from: Readonly<Record<string, string>> = {
  libssl3: '3.0.20-1~deb12u2',
  libexpat1: '2.5.0-1+deb12u2',
  'shop-web': '1.0',
  'shop-ledger': '1.9',
  'postgresql-15': '15.13-0+deb12u1',
  curl: '7.88.1-10+deb12u12',
  tzdata: '2026a-0+deb12u1',
};

function patches(proven: boolean, because: string, names: readonly string[]): EndpointPatchFacts[] {
  return names.map((name) => {
    const entry = patchSet.find((one) => one.package === name)!;
    const approved = entry.decision === 'approved';
    return {
      package: name,
      from: from[name] ?? null,
      to: entry.to,
      decision: entry.decision,
      proven: proven && approved,
      because: approved ? because : entry.because.at(-1)!,
    };
  });
}

const proof = 'version seen installed, dpkg --audit clean, new boot id, all checks pass';
const passed = (check: string, observed: string): CheckComparison => ({
  check,
  before: { passed: true, observed },
  after: { passed: true, observed },
});
const works = [passed('service nginx', 'active'), passed('http http://localhost/ → 200', '200')];

const untouched = {
  outcome: null,
  startedAt: null,
  endedAt: null,
  bootIdBefore: null,
  bootIdAfter: null,
  snapshot: null,
  checks: [],
} as const;

const debian12 = { id: 'debian', version: '12' };
const agent = { version: '0.1.0', runtimeVersion: '24.22.3' };

const endpoints: EndpointFacts[] = [
  {
    endpoint: 'ber-web-1',
    site: 'berlin',
    segment: 'web servers',
    policy: 'servers',
    os: debian12,
    agent,
    ring: 'canary',
    outcome: 'patched',
    waitingFor: null,
    because: ['3 of 3 planned patches are proven'],
    startedAt: '2026-11-21T21:02:10.000Z',
    endedAt: '2026-11-21T21:04:51.000Z',
    patches: patches(true, proof, ['libssl3', 'libexpat1', 'shop-web', 'tzdata']),
    bootIdBefore: '5d1b2c3e-0000-4000-8000-0000000000a1',
    bootIdAfter: '5d1b2c3e-0000-4000-8000-0000000000a2',
    snapshot: {
      snapshotId: 'snap-ber-web-1-7f3a',
      takenAt: '2026-11-21T21:02:13.000Z',
      verified: true,
      restoredAt: null,
      evidenceOfFailedState: null,
    },
    checks: works,
  },
  {
    endpoint: 'ber-web-2',
    site: 'berlin',
    segment: 'web servers',
    policy: 'servers',
    os: debian12,
    agent,
    ring: 'early',
    outcome: 'rolled_back',
    waitingFor: null,
    because: [
      'service shop-web failed after the update: exit code 1, "listen <host>:8080 & retry"',
      'rolled back to snap-ber-web-2-7f3a; old versions, service and boot id were verified after it',
    ],
    startedAt: '2026-11-21T21:16:02.000Z',
    endedAt: '2026-11-21T21:19:40.000Z',
    patches: patches(false, 'rolled back with the whole endpoint: service shop-web failed', [
      'libssl3',
      'libexpat1',
      'shop-web',
      'tzdata',
    ]),
    bootIdBefore: '5d1b2c3e-0000-4000-8000-0000000000b1',
    bootIdAfter: '5d1b2c3e-0000-4000-8000-0000000000b3',
    snapshot: {
      snapshotId: 'snap-ber-web-2-7f3a',
      takenAt: '2026-11-21T21:16:05.000Z',
      verified: true,
      restoredAt: '2026-11-21T21:18:31.000Z',
      evidenceOfFailedState: 'evidence/ber-web-2/generation-1',
    },
    checks: [
      ...works,
      {
        check: 'service shop-web',
        before: { passed: true, observed: 'active' },
        after: { passed: false, observed: 'failed' },
      },
    ],
  },
  {
    endpoint: 'bos-app-1',
    site: 'boston',
    segment: 'application servers',
    policy: 'servers',
    os: { id: 'debian', version: '11' },
    agent: { ...agent, runtimeVersion: null },
    ring: 'early',
    outcome: 'patched',
    waitingFor: null,
    because: ['2 of 2 planned patches are proven'],
    startedAt: '2026-11-21T21:16:02.000Z',
    endedAt: '2026-11-21T21:18:12.000Z',
    patches: patches(true, 'version seen installed, dpkg --audit clean, no restart was due, all checks pass', [
      'libssl3',
      'libexpat1',
      'shop-ledger',
      'curl',
    ]),
    bootIdBefore: '5d1b2c3e-0000-4000-8000-0000000000c1',
    bootIdAfter: '5d1b2c3e-0000-4000-8000-0000000000c1',
    snapshot: {
      snapshotId: 'snap-bos-app-1-7f3a',
      takenAt: '2026-11-21T21:16:06.000Z',
      verified: true,
      restoredAt: null,
      evidenceOfFailedState: null,
    },
    checks: [passed('service shop-ledger', 'active')],
  },
  {
    endpoint: 'ber-db-1',
    site: 'berlin',
    segment: 'databases',
    policy: 'servers',
    os: debian12,
    agent,
    ring: 'rest',
    waitingFor: null,
    because: ['nothing that is approved was due on it'],
    ...untouched,
    outcome: 'unchanged',
    patches: patches(false, '', ['postgresql-15']),
  },
  {
    endpoint: 'bos-web-1',
    site: 'boston',
    segment: 'web servers',
    policy: 'servers',
    os: debian12,
    agent,
    ring: 'rest',
    waitingFor: 'ring',
    because: ['ring rest does not open: ring early was halted'],
    ...untouched,
    patches: patches(false, 'nothing was installed', ['libssl3', 'libexpat1', 'shop-web', 'tzdata']),
  },
  {
    endpoint: 'bos-web-2',
    site: 'boston',
    segment: 'web servers',
    policy: 'servers',
    os: debian12,
    agent: null,
    ring: 'rest',
    waitingFor: 'offline',
    because: ['no answer since 2026-11-19 17:40 UTC; it is caught up when it is back and its window is open'],
    ...untouched,
    patches: patches(false, 'nothing was installed', ['libssl3', 'libexpat1']),
  },
];

const gate = {
  unknown: 0,
  neither: 0,
  notEnded: 0,
  failuresAtMost: 0,
  failurePercentAtMost: null,
  soakMinutes: 10,
};

const becauseOfStep: Readonly<Record<(typeof steps)[number], string>> = {
  discovery: '6 endpoints: 5 answered, 1 is silent; 1 unmanaged address',
  categorization: '3 segments; each endpoint falls to policy servers',
  policy: 'policy servers, version 4',
  monitoring: '7 updates; 20 CVEs named, 1 known to be exploited',
  testing: '2 of 3 segments were tried; shop-ledger 2.0 is taken out',
  'change record': 'change record 7f3a, approved by dana@acme.example',
  rollout: 'halted after ring early: 1 of 2 failed, at most 0 may',
  audit: '5 installed, 3 failed, 5 pending; 1 package changed that no record asked for',
  report: 'this report',
  review: 'what to change before the next cycle',
};

const stepFacts: StepFacts[] = steps.map((step, index) => ({
  step,
  state: 'done',
  startedAt: new Date(Date.UTC(2026, 10, 21, 20, 10 * index)).toISOString(),
  endedAt: new Date(Date.UTC(2026, 10, 21, 20, 10 * index + 9, 30)).toISOString(),
  because: becauseOfStep[step],
}));

export const recorded: RecordedFacts = {
  client: { clientId: 'acme', name: 'Acme Trading & Co' },
  cycleId: 'cycle/acme/servers/2026-11-21',
  kind: 'standard',
  reportOnly: false,
  trigger: {
    kind: 'schedule',
    by: 'schedule acme/servers',
    because: 'day after second Tuesday, 22:00',
    advisory: null,
  },
  policy: { name: 'servers', version: '4' },
  state: 'halted',
  startedAt: '2026-11-21T20:00:00.000Z',
  endedAt: '2026-11-21T21:40:00.000Z',
  factsReadAt: '2026-11-21T21:41:00.000Z',
  steps: stepFacts,
  sites: [
    { site: 'berlin', timeZone: 'Europe/Berlin', networks: ['10.81.0.0/24'], window: '22:00 to 02:00' },
    { site: 'boston', timeZone: 'America/New_York', networks: ['10.82.0.0/24'], window: '15:00 to 19:00' },
  ],
  discovery: {
    managed: ['ber-web-1', 'ber-web-2', 'ber-db-1', 'bos-app-1', 'bos-web-1'].map((endpoint) => ({
      endpoint,
      site: endpoint.startsWith('ber') ? 'berlin' : 'boston',
      inventoriedAt: '2026-11-21T20:01:00.000Z',
    })),
    silent: [
      {
        endpoint: 'bos-web-2',
        site: 'boston',
        lastSeenAt: '2026-11-19T17:40:00.000Z',
        because: 'its agent does not answer and its address is not on the network',
      },
    ],
    unmanaged: [
      { site: 'berlin', address: '10.81.0.66', macAddress: '02:00:0a:51:00:42', seenAt: '2026-11-21T20:00:40.000Z' },
    ],
    otherUpdaters: [{ endpoint: 'bos-app-1', updater: 'apt-daily-upgrade.timer' }],
  },
  segments: [
    {
      segment: 'web servers',
      endpoints: ['ber-web-1', 'ber-web-2', 'bos-web-1', 'bos-web-2'],
      because: 'role web, Debian 12',
      test: {
        sandboxId: 'sandbox-7f3a-web',
        representative: 'ber-web-1',
        verdict: 'passed',
        startedAt: '2026-11-21T20:28:10.000Z',
        endedAt: '2026-11-21T20:31:02.000Z',
        because: ['3 patches proven on the clone', 'no check that worked before fails now'],
        dropped: [],
        patches: patches(true, proof, ['libssl3', 'libexpat1', 'shop-web']),
        bootIdBefore: '5d1b2c3e-0000-4000-8000-0000000000d1',
        bootIdAfter: '5d1b2c3e-0000-4000-8000-0000000000d2',
        checks: works,
      },
    },
    {
      segment: 'application servers',
      endpoints: ['bos-app-1'],
      because: 'role app',
      test: {
        sandboxId: 'sandbox-7f3a-app',
        representative: 'bos-app-1',
        verdict: 'failed',
        startedAt: '2026-11-21T20:28:10.000Z',
        endedAt: '2026-11-21T20:32:40.000Z',
        because: ['service shop-ledger worked before and failed after the update: exit code 3'],
        dropped: ['shop-ledger'],
        patches: [
          ...patches(true, proof, ['libssl3', 'libexpat1']),
          {
            package: 'shop-ledger',
            from: '1.9',
            to: '2.0',
            proven: false,
            because: 'its service failed after the update: exit code 3',
          },
        ],
        bootIdBefore: '5d1b2c3e-0000-4000-8000-0000000000e1',
        bootIdAfter: '5d1b2c3e-0000-4000-8000-0000000000e2',
        checks: [
          {
            check: 'service shop-ledger',
            before: { passed: true, observed: 'active' },
            after: { passed: false, observed: 'failed' },
          },
        ],
      },
    },
    { segment: 'databases', endpoints: ['ber-db-1'], because: 'role database', test: null },
  ],
  patchSet,
  changeRecord: {
    changeRecordId: 'change/acme/servers/2026-11-21/2',
    digest: '7f3a9c0e5b2d4f6a8c1e3b5d7f9a0c2e4b6d8f0a1c3e5b7d9f1a2c4e6b8d0f1a',
    madeAt: '2026-11-21T20:35:00.000Z',
    parent: {
      changeRecordId: 'change/acme/servers/2026-11-21/1',
      because: 'shop-ledger 2.0 failed in the sandbox and was taken out',
    },
    approval: {
      state: 'approved',
      because: 'policy servers asks one person within 4 hours',
      words: [{ who: 'dana@acme.example', why: 'as agreed with the shop', at: '2026-11-21T20:52:00.000Z' }],
    },
    rings: [
      { ring: 'canary', endpoints: ['ber-web-1'] },
      { ring: 'early', endpoints: ['ber-web-2', 'bos-app-1'] },
      { ring: 'rest', endpoints: ['ber-db-1', 'bos-web-1', 'bos-web-2'] },
    ],
  },
  orders: [
    {
      order: 'open window',
      about: 'berlin until 2026-11-22T03:00:00.000Z',
      who: 'dana@acme.example',
      because: ['the shop is closed tonight'],
      orderedAt: '2026-11-21T20:55:00.000Z',
    },
    {
      order: 'halt',
      about: 'ring rest',
      who: 'lee@acme.example',
      because: ['the phones at Boston are down'],
      orderedAt: '2026-11-21T22:05:00.000Z',
    },
    {
      order: 'resume',
      about: 'ring rest',
      who: 'lee@acme.example',
      because: ['they ring again'],
      orderedAt: '2026-11-21T22:20:00.000Z',
    },
  ],
  gates: [
    {
      ring: 'canary',
      decidedAt: '2026-11-21T21:15:00.000Z',
      verdict: 'advance',
      because: ['1 of 1 verified, at least 1 needed', '0 failed, at most 0 may'],
      numbers: { ...gate, endpoints: 1, verified: 1, failed: 0, verifiedAtLeast: 1, failurePercent: 0 },
    },
    {
      ring: 'early',
      decidedAt: '2026-11-21T21:19:45.000Z',
      verdict: 'halt',
      because: ['1 of 2 failed (ber-web-2), at most 0 may'],
      numbers: { ...gate, endpoints: 2, verified: 1, failed: 1, verifiedAtLeast: 1, failurePercent: 50 },
    },
  ],
  endpoints,
  audit: {
    auditedAt: '2026-11-21T21:38:00.000Z',
    patches: endpoints.flatMap(({ endpoint, outcome, patches }) =>
      patches
        .filter(({ package: name }) => ['libssl3', 'libexpat1', 'shop-web'].includes(name))
        .map(({ package: name, from, to, proven }) => ({
          endpoint,
          package: name,
          architecture: 'amd64',
          planned: to,
          observed: endpoint === 'bos-web-2' ? null : proven ? to : from,
          state: proven ? ('installed' as const) : outcome === null ? ('pending' as const) : ('failed' as const),
          because: proven
            ? 'seen installed'
            : endpoint === 'bos-web-2'
              ? 'it does not answer'
              : 'the old version is installed',
        })),
    ),
    drifted: [
      {
        endpoint: 'ber-db-1',
        package: 'htop',
        architecture: 'amd64',
        from: null,
        to: '3.2.2-2',
        because: 'no record asked for it: not installed before, 3.2.2-2 now',
      },
    ],
  },
  supportEnds: [
    {
      os: debian12,
      endsAt: '2026-07-11T23:59:59.999Z',
      extendedEndsAt: '2028-06-30T23:59:59.999Z',
      source: 'endoflife.date and distro-info-data',
    },
    {
      os: { id: 'debian', version: '11' },
      endsAt: '2024-08-14T23:59:59.999Z',
      extendedEndsAt: '2026-08-31T23:59:59.999Z',
      source: 'endoflife.date and distro-info-data',
    },
  ],
  exceptions: [
    {
      kind: 'block',
      subject: 'postgresql-15 >= 15.14',
      because: "the ledger's vendor has not released it",
      owner: 'dana@acme.example',
      until: '2027-01-31',
    },
    {
      kind: 'exception',
      subject: 'curl',
      because: 'the export runs on the old one until year-end',
      owner: 'omar@acme.example',
      until: '2026-12-15',
    },
    {
      kind: 'exception',
      subject: 'CVE-2026-11111',
      because: 'the port is closed at the firewall',
      owner: 'omar@acme.example',
      until: '2026-11-14',
    },
  ],
  rules: [
    { kind: 'approve', rule: 'security, critical or important, at once', matched: 4 },
    { kind: 'approve', rule: 'bugfix, 7 days after release', matched: 2 },
    { kind: 'block', rule: 'postgresql-15 >= 15.14', matched: 1 },
    { kind: 'segment', rule: 'kiosks: role kiosk', matched: 0 },
  ],
  notCovered: [
    'Applications that were not installed by the package manager are not looked at.',
    'The catalogue of known exploited vulnerabilities is of 2025-08-25; what was added since is not in it.',
  ],
};

/** Reviews and counts, as the lead's reader does. */
export function complete(facts: RecordedFacts): CycleFacts {
  return { ...facts, review: reviewCycle(facts), figures: countFigures(facts) };
}

export const facts = complete(recorded);
