/** A machine's button, plug and pause, as whoever runs it offers them: a hypervisor, a lab. */
export interface PowerPort {
  /** Switches it on unless it is on. It may still be booting when this returns. */
  on(endpointId: string): Promise<void>;
  /** Shuts it down, and pulls the plug when it does not stop in its time. Returns when it is off. */
  off(endpointId: string): Promise<void>;
  /**
   * Holds every process of the machine still while `act` runs, and lets go also when the caller dies. A machine that
   * is off is still anyway.
   */
  holdStill<Result>(endpointId: string, act: () => Promise<Result>): Promise<Result>;
}
