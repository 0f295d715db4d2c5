/** The agent's own version: that of the project it was built from (a test compares them). */
export const agentVersion = '0.1.0';

/** Of Node, which runs it: as shipped, the one inside its own file. */
export const runtimeVersion = process.versions.node;
