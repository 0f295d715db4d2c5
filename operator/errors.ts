/** Why a command cannot be carried out, where its caller is to tell one reason from another. */

/** What was asked for is wrong: the words, or the files. Nothing was changed; the message says what to write instead. */
export class InvalidRequest extends Error {
  override readonly name = 'InvalidRequest';
}

/** No servers run where they were looked for. */
export class NotRunning extends Error {
  override readonly name = 'NotRunning';
}

export function unknownCycle(cycleId: string): InvalidRequest {
  return new InvalidRequest(`There is no cycle ${cycleId}. See: patchcycle cycle list`);
}

/** How long a command waits for a worker before it says that none answers. */
export const workerAnswersWithinSeconds = 5;
export const unanswered = `though no worker has answered within ${workerAnswersWithinSeconds} seconds`;
