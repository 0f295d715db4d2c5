import { readFile } from 'node:fs/promises';
import { agentConfigurationSchema } from '../protocol/enrolment.ts';
import type { AgentConfiguration } from '../protocol/enrolment.ts';
import { describeIssues } from './refusal.ts';

export const usualConfigurationPath = '/etc/patchcycle/agent.json';

/** Throws a sentence that names the file, and the place in it. */
export async function readConfiguration(path: string): Promise<AgentConfiguration> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`The configuration ${path} cannot be read (${error.code}).`);
  });
  const parsed = agentConfigurationSchema.safeParse(parseJson(path, text));
  if (parsed.success) return parsed.data;
  throw new Error(`The configuration ${path} is wrong: ${describeIssues(parsed.error, 'its top')}.`);
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`The configuration ${path} is not valid JSON.`);
  }
}
