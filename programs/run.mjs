/** Runs a program of ours with arguments of its own: node programs/run.mjs workers/site-worker.ts ARGUMENT… */
import { pathToFileURL } from 'node:url';
import { run } from './bundle.mjs';

// What a worker says of an error names the source, not its bundle.
process.setSourceMapsEnabled(true);
process.argv.splice(1, 1);
await run(pathToFileURL(process.argv[1]));
