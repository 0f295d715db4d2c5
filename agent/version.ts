/** The agent's own version: that of the project it was built from (a test compares them). */
export const agentVersion = '0.1.0';
