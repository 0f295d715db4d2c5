/** Shows a cycle live: a table that redraws on a terminal, one line an event elsewhere. */
import { stateInWords } from '../domain/endpoints/saga.ts';
import { createLogUpdate } from 'log-update';
import type { CycleFacts } from '../domain/reports/cycle-facts.ts';
import { tableLines } from './print.ts';

export type Screen = {
  show(facts: CycleFacts): void;
  say(line: string): void;
  close(): void;
};

export function openScreen(stream: NodeJS.WriteStream): Screen {
  return stream.isTTY ? table(stream) : lines(stream);
}

function table(stream: NodeJS.WriteStream): Screen {
  const draw = createLogUpdate(stream);
  const said: string[] = [];
  return {
    show: (facts) => draw([...said, '', ...tableOf(facts)].join('\n')),
    say: (line) => void said.push(line),
    close: () => draw.done(),
  };
}

function tableOf(facts: CycleFacts): string[] {
  const now = Date.now();
  const elapsed = (startedAt: string | null, endedAt: string | null) =>
    startedAt ? `${Math.round(((endedAt ? Date.parse(endedAt) : now) - Date.parse(startedAt)) / 1000)} s` : '';
  return [
    `${facts.cycleId}, ${elapsed(facts.startedAt, facts.endedAt)}`,
    '',
    ...tableLines(
      ['step', 'state', 'time', ''],
      facts.steps.map((step) => [
        step.step,
        step.state,
        elapsed(step.startedAt, step.endedAt),
        short(step.state === 'not reached' ? '' : step.because),
      ]),
    ),
    '',
    ...tableLines(
      ['endpoint', 'ring', 'state', 'time', ''],
      facts.endpoints.map((endpoint) => [
        endpoint.endpoint,
        endpoint.ring ?? '',
        stateOf(endpoint),
        elapsed(endpoint.startedAt, endpoint.endedAt),
        short(endpoint.because[0] ?? ''),
      ]),
    ),
  ];
}

function lines(stream: NodeJS.WriteStream): Screen {
  const last = new Map<string, string>();
  const print = (line: string) => stream.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
  const printChange = (subject: string, state: string, because: string) => {
    if (last.get(subject) === state) return;
    last.set(subject, state);
    print(`${subject}: ${state}${because ? `, ${because}` : ''}`);
  };
  return {
    show(facts) {
      for (const step of facts.steps)
        if (step.state !== 'not reached')
          printChange(step.step, step.state, step.state === 'running' ? '' : step.because);
      for (const endpoint of facts.endpoints) {
        if (endpoint.ring === null) continue;
        printChange(
          endpoint.endpoint,
          stateOf(endpoint),
          endpoint.outcome || endpoint.waitingFor ? (endpoint.because[0] ?? '') : '',
        );
      }
    },
    say: print,
    close: () => undefined,
  };
}

function stateOf(endpoint: CycleFacts['endpoints'][number]): string {
  if (endpoint.outcome) return stateInWords(endpoint.outcome);
  return endpoint.waitingFor ? `waits for ${endpoint.waitingFor}` : endpoint.startedAt ? 'in flight' : 'planned';
}

function short(text: string): string {
  return text.length > 90 ? `${text.slice(0, 89)}…` : text;
}
