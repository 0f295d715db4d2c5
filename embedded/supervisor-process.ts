/**
 * The supervisor: keeps running what stack.json plans, and writes processes.json at every change. SIGHUP: take up the
 * plan again. SIGTERM: end everything, in order. node --import tsx supervisor-process.ts STATE_DIRECTORY
 */
import { EventEmitter, on } from 'node:events';
import { RangeKeeper } from './port-ranges.ts';
import { identifyProcess, type ProcessIdentity } from './process-identity.ts';
import type { ProcessPlan } from './process-plan.ts';
import {
  inStopOrder,
  logFile,
  planDigest,
  readStackPlan,
  readStackRecord,
  removeStackRecord,
  writeStackRecord,
} from './stack-state.ts';
import { SupervisedProcess } from './supervised-process.ts';

type SupervisorCommand = 'take up the plan' | 'end' | 'give up';

async function supervise(stateDirectory: string, self: ProcessIdentity): Promise<void> {
  const startedAt = new Date().toISOString();
  let digest = '';
  let supervised: SupervisedProcess[] = [];
  const ranges = new RangeKeeper();

  const record = () =>
    writeStackRecord(stateDirectory, {
      supervisor: self,
      startedAt,
      planDigest: digest,
      processes: supervised.map((process) => process.record),
    });
  /** False when the state directory has gone or another supervisor works in it: then ours must not stay. */
  const isInCharge = () => readStackRecord(stateDirectory)?.supervisor.startTime === self.startTime;
  const recordChange = () => {
    try {
      if (isInCharge()) record();
    } catch (error) {
      console.error('The record of the stack cannot be written:', error);
    }
  };

  const takeUpPlan = async () => {
    const plan = readStackPlan(stateDirectory);
    if (plan === undefined) throw new Error(`There is no plan of the stack in ${stateDirectory}.`);
    const running = new Map(supervised.map((process) => [JSON.stringify(process.plan), process]));
    const wanted = new Set(plan.processes.map((process) => JSON.stringify(process)));
    await stopAll(supervised.filter((process) => !wanted.has(JSON.stringify(process.plan))));
    // Before anything is ready: whoever gave out the ports may end as soon as all is.
    await ranges.keep(plan.processes.flatMap(({ ports }) => ports));
    const start = (process: ProcessPlan) =>
      new SupervisedProcess(process, logFile(stateDirectory, process.name), recordChange);
    supervised = plan.processes.map((process) => running.get(JSON.stringify(process)) ?? start(process));
    digest = planDigest(plan);
    record();
  };

  const commands = new EventEmitter<{ order: [SupervisorCommand] }>();
  const received = on(commands, 'order');
  process.on('SIGHUP', () => commands.emit('order', 'take up the plan'));
  process.on('SIGTERM', () => commands.emit('order', 'end'));
  process.on('SIGINT', () => commands.emit('order', 'end'));
  await takeUpPlan();
  const watch = setInterval(() => isInCharge() || commands.emit('order', 'give up'), 1000);

  for await (const [command] of received) {
    if (command !== 'take up the plan' || !isInCharge()) break;
    await takeUpPlan().catch((error: unknown) => console.error('The plan stays as it was:', error));
  }
  clearInterval(watch);
  await stopAll(supervised);
  if (isInCharge()) removeStackRecord(stateDirectory);
}

async function stopAll(processes: readonly SupervisedProcess[]): Promise<void> {
  for (const group of inStopOrder(processes)) await Promise.all(group.map((process) => process.stop()));
}

const [stateDirectory] = process.argv.slice(2);
const self = identifyProcess(process.pid);
if (stateDirectory === undefined || self === undefined) throw new Error('Usage: supervisor-process.ts STATE_DIRECTORY');
await supervise(stateDirectory, self);
