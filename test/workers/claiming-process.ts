/** A process of its own that claims and takes up ports as it is told, line by line, until its input ends. */
import { createInterface } from 'node:readline';
import { claimPorts, reclaimPort } from '../../embedded/ports.ts';

for await (const line of createInterface({ input: process.stdin })) {
  const [order, number] = line.split(' ');
  const answer = order === 'claim' ? await claimPorts(Number(number)) : await reclaimPort(Number(number));
  console.log(JSON.stringify(answer));
}
