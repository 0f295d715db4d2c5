#!/usr/bin/env node
import v8 from 'node:v8';
import { run } from '../programs/bundle.mjs';

// Prisma compiles queries in WebAssembly: a command has ended before optimising that would have paid.
v8.setFlagsFromString('--liftoff-only');
await run(new URL('main.ts', import.meta.url));
