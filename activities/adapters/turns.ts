/**
 * Runs acts on the same thing one after another within this process. An activity that timed out goes on running while
 * its next try starts; two of them must not work on one machine at once.
 */
export function takingTurns(): <Result>(thing: string, act: () => Promise<Result>) => Promise<Result> {
  const last = new Map<string, Promise<unknown>>();
  return (thing, act) => {
    const turn = (last.get(thing) ?? Promise.resolve()).then(act, act);
    last.set(thing, turn);
    return turn;
  };
}
