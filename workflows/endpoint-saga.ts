import { ApplicationFailure, setCurrentDetails } from '@temporalio/workflow';
import { type SagaState, isStage, refusalOfStep, stageWords } from '../domain/endpoints/saga.ts';

/** Moves one endpoint on through its saga. */
export type Saga = (to: SagaState) => void;

/**
 * Where an endpoint stands, from stage to stage, told in Temporal's UI. A way that is not in the saga's table fails the
 * workflow in a sentence: the endpoint is then unknown, which a person or the reconciler looks at.
 */
export function sagaFrom(first: SagaState): Saga {
  let at = first;
  return (to) => {
    const refused = refusalOfStep(at, to);
    if (refused) throw ApplicationFailure.nonRetryable(refused, 'IllegalMove');
    at = to;
    if (isStage(to)) setCurrentDetails(`- ${stageWords[to]}`);
  };
}
