/** docs/proofs.md: what each long test came to when it was last run. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

export type Proof = {
  readonly passed: boolean;
  /** A sentence each. */
  readonly figures: readonly string[];
};

/** Runs to its end and tells how far it is, line by line. */
export type LongTest = (tell: (line: string) => void) => Promise<Proof>;

const project = fileURLToPath(new URL('../..', import.meta.url));
const file = fileURLToPath(new URL('../../docs/proofs.md', import.meta.url));
const head = `# Proofs

What the long tests came to when they were last run. \`npm run test:long -- NAME\` runs one and writes its section again.
`;

/** Writes the section of one long test, and leaves the others as they are. */
export function recordProof(name: string, proof: Proof): void {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : head;
  const [start = head, ...sections] = text.split(/^(?=## )/m);
  const others = sections.filter((section) => !section.startsWith(`## ${name}\n`));
  const all = [start, ...[...others, sectionOf(name, proof)].toSorted()].map((part) => part.trim());
  writeFileSync(file, `${all.join('\n\n')}\n`);
}

function sectionOf(name: string, { passed, figures }: Proof): string {
  const commit = execFileSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: project, encoding: 'utf8' }).trim();
  const run = `${passed ? 'Passed' : 'Failed'} on ${new Date().toISOString().slice(0, 10)} at commit ${commit}, with ${cpus().length} cores and Node ${process.versions.node}.`;
  return [`## ${name}`, '', run, '', ...figures.map((figure) => `- ${figure}`)].join('\n');
}
