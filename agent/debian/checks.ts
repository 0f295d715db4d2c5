/** Checks, as a policy names them, asked from inside the endpoint. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect } from 'node:net';
import { describeCheck } from '../../domain/endpoints/check.ts';
import type { Check, CheckResult } from '../../domain/endpoints/check.ts';
import { firstLine, lines } from './dpkg.ts';
import { run } from './program.ts';

const answerMilliseconds = 10_000;

/** Never throws: what cannot be checked has not passed. */
export async function runCheck(check: Check): Promise<CheckResult> {
  const { passed, observed } = await askFor(check);
  return { check: describeCheck(check), passed, observed: observed.slice(0, 500) };
}

type Seen = { readonly passed: boolean; readonly observed: string };

function askFor(check: Check): Promise<Seen> {
  if ('service' in check) return askService(check.service);
  if ('http' in check) return askHttp(new URL(check.http), check.expect);
  return askPort(check.port);
}

async function askService(service: string): Promise<Seen> {
  const ran = await run('systemctl', ['is-active', '--', service]);
  const observed = lines(ran.stdout)[0] ?? firstLine(ran.stderr);
  return { passed: observed === 'active', observed };
}

/** The certificate is not looked at: whether the service answers is asked, under a name that is not its own. */
function askHttp(url: URL, expect: number): Promise<Seen> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve) => {
    const options = { agent: false, rejectUnauthorized: false, signal: AbortSignal.timeout(answerMilliseconds) };
    const asked = request(url, options, (response) => {
      const { statusCode = 0 } = response;
      response.destroy();
      resolve({ passed: statusCode === expect, observed: String(statusCode) });
    });
    asked.on('error', (error) => resolve({ passed: false, observed: describeFailure(error) }));
    asked.end();
  });
}

function askPort(port: number): Promise<Seen> {
  return new Promise((resolve) => {
    const socket = connect({ host: 'localhost', port, signal: AbortSignal.timeout(answerMilliseconds) });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ passed: true, observed: 'open' });
    });
    socket.once('error', (error) => resolve({ passed: false, observed: describeFailure(error) }));
  });
}

function describeFailure(error: Error): string {
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return 'no answer in time';
  const code = (error as NodeJS.ErrnoException).code ?? error.name;
  return code === 'ECONNREFUSED' ? 'connection refused' : code;
}
