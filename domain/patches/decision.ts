/**
 * `approved`: goes into the change record. `declined`: the policy blocks it or approves nothing of its kind.
 * `excepted`: an exception holds it back. `waiting`: its time has not come. `dropped`: the sandbox or an endpoint
 * showed that it breaks something, or a person skipped it.
 */
export type PatchDecision = 'approved' | 'declined' | 'excepted' | 'waiting' | 'dropped';
