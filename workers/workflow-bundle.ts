/** The workflows as Temporal's workers run them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type WorkflowBundleOption, bundleWorkflowCode } from '@temporalio/worker';
import { madeOnce } from '../programs/bundle.mjs';

const codeFile = 'workflows.js';

/** Made once for each state of the sources, since it takes two seconds; each time where it cannot be kept. */
export async function workflowBundle(): Promise<WorkflowBundleOption> {
  const make = async (_: string, folder: string) => writeFile(join(folder, codeFile), (await bundle()).code);
  try {
    return { codePath: join(await madeOnce('workflows', make), codeFile) };
  } catch {
    return bundle();
  }
}

function bundle() {
  return bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) });
}
