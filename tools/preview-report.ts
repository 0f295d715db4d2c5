/** `npm run preview:report`: writes the pages of a report about made-up facts, to be looked at, and prints their paths. */
import { join, resolve } from 'node:path';
import { reportFiles } from '../reports/files.ts';
import { writeFiles } from '../system/whole-files.ts';
import { facts } from '../test/setup/report-facts.ts';

const folder = resolve('.patchcycle', 'preview');
const files = reportFiles(facts);
await writeFiles(folder, files);
for (const { name } of files) console.log(join(folder, name));
