import { run } from '../../activities/adapters/command.ts';

/** Where packages come from: what the machine's own apt sources name, so that no mirror is written down here. */
export type Mirror = {
  /** Ends in a slash. */
  readonly main: string;
  readonly security: string;
  /** apt options the machine itself needs for its mirror, in the form of apt.conf. */
  readonly aptOptions: readonly string[];
  /** The proxy the machine's own apt goes through. */
  readonly proxy: string | null;
};

/** Reads the mirror for Debian and for its security updates off `apt-get indextargets`. Throws when one is missing. */
export async function readMirror(): Promise<Mirror> {
  const lines = (
    await run([
      'apt-get',
      'indextargets',
      '--format',
      '$(ORIGIN)|$(RELEASE)|$(REPO_URI)|$(COMPONENT)',
      'Created-By: Packages',
    ])
  ).split('\n');
  const targets = lines
    .map((line) => line.split('|'))
    .filter(([origin, , uri, component]) => origin === 'Debian' && component === 'main' && uri?.startsWith('http'));
  const main = targets.find(([, release]) => release !== undefined && !release.includes('-'))?.[2];
  const security = targets.find(([, release]) => release?.includes('-security'))?.[2];
  if (main === undefined || security === undefined) {
    throw new Error(
      'This machine’s apt sources name no Debian mirror with security updates over http: add both and run apt-get update.',
    );
  }
  const proxy = (await run(['apt-config', 'dump', 'Acquire::http::Proxy', '--format', '%v'])).trim();
  return { main, security, aptOptions: await ownOptions(), proxy: proxy === '' ? null : proxy };
}

async function ownOptions(): Promise<readonly string[]> {
  const settings = await run(['apt-config', 'dump', 'Acquire::Check-Valid-Until', 'Acquire::Check-Date']);
  return settings.split('\n').filter((line) => line.endsWith('"false";'));
}
