/** The benchmark was run, and what came of it is wrong. It is not run again until it looks right. */
export class WrongResult extends Error {
  override readonly name = 'WrongResult';
}

/**
 * Makes something that may fail for reasons of its surroundings: when it fails, once more from the start.
 * @throws Error with one sentence when it failed twice, and `WrongResult` at once
 */
export async function onceMore<T>(
  what: string,
  make: () => Promise<T>,
  { startAgain, say }: { readonly startAgain: () => Promise<void>; readonly say: (line: string) => void },
): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof WrongResult) throw error;
    say(`${what} failed, and is made once more from the start: ${sentenceOf(error)}`);
  }
  await startAgain();
  try {
    return await make();
  } catch (error) {
    if (error instanceof WrongResult) throw error;
    throw new Error(`${what} failed twice: ${sentenceOf(error)}`, { cause: error });
  }
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
