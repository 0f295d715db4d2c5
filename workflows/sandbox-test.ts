/** Tries a segment's patches on a clone of one of its endpoints: the same acts, checks and proof as in production. */
import { CancellationScope } from '@temporalio/workflow';
import type { SandboxTestInput, SandboxResult } from '../domain/rollout/cycle.ts';
import { judgePatched } from '../domain/endpoints/outcome.ts';
import { bringIntoEffect, install, observe, prefetch } from './endpoint-acts.ts';
import { failureInWords } from './failures.ts';
import { control, machineActs } from './stubs.ts';

export async function sandboxTest(input: SandboxTestInput): Promise<SandboxResult> {
  const startedAt = new Date().toISOString();
  const result = await tryOut(input).catch((failure): Found => ({
    ...nothing,
    because: [`the test could not be made: ${failureInWords(failure)}`],
  }));
  const ended = { ...result, startedAt, endedAt: new Date().toISOString() };
  await control.recordSandboxTest({ input, result: ended });
  return {
    segment: input.segment,
    passed: result.passed,
    halted: result.halted,
    packagesAtFault: result.packagesAtFault,
    because: result.because,
  };
}

type Found = Awaited<ReturnType<typeof tryOut>>;
const nothing = { passed: false, halted: false, packagesAtFault: [], because: [], before: null, after: null } as const;

async function tryOut(input: SandboxTestInput) {
  const { clientId, cycleId, sandboxId } = input;
  const plan = await control.sandboxPlan(input);
  // The clone has no way to a mirror: what it installs was fetched by the endpoint it is cloned from.
  const fetched = await prefetch(
    { clientId, cycleId, endpoint: input.representative, plan },
    `fetch for test ${input.attempt}`,
  );
  if (!fetched.succeeded) return { ...nothing, halted: fetched.halted, because: fetched.because };

  const host = machineActs(input.representative.taskQueue);
  try {
    const { certificateRequest } = await host.prepareSandbox({
      endpointId: input.representative.endpointId,
      sandboxId,
    });
    const identity = await control.signSandboxIdentity({ sandboxId, certificateRequest });
    const agent = await host.startSandbox({ sandboxId, identity });
    const clone = {
      clientId,
      cycleId,
      endpoint: { ...agent, taskQueue: input.representative.taskQueue },
      plan: { ...plan, generation: 1 },
    };

    const before = await observe(clone, null);
    const installed = await install(clone);
    if (installed.halted) return { ...nothing, halted: true, because: installed.because, before };
    const { after, because, ...effective } = await bringIntoEffect(clone, before);
    const packagesAtFault = installed.packagesAtFault;
    if (!after) return { ...nothing, packagesAtFault, because: [...installed.because, ...because], before };
    const { patches, reboot } = plan;
    const proof = judgePatched({ patches, before, after, ...effective, reboot });
    return {
      passed: proof.proven,
      halted: false,
      packagesAtFault: [...packagesAtFault, ...proof.packagesAtFault],
      because: proof.proven ? proof.because : [...installed.because, ...because, ...proof.because],
      before,
      after,
    };
  } finally {
    await CancellationScope.nonCancellable(() => host.destroySandbox({ sandboxId }));
  }
}
