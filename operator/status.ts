/** What runs here, for who asks no database and no Temporal. */
export { stackStatus } from '../embedded/stack-status.ts';
