/** What runs here, for who asks no database and no Temporal. */
export { type ProcessStatus, type StackStatus, stackStatus } from '../embedded/stack-status.ts';
