import { spawn } from 'node:child_process';
import { messageOf } from '../model/errors.ts';
import type { CommandProbe, Sighting } from './application-probe.ts';

const ANSWER_WITHIN_MS = 10_000;
const MAX_DETAIL = 160;

/** Runs the command once. Code 0: the application is there. One that cannot be run at all says nothing of it. */
export async function lookAtCommand(name: string, probe: CommandProbe, signal?: AbortSignal): Promise<Sighting> {
  const { command, cwd, answerWithinMs = ANSWER_WITHIN_MS } = probe;
  const outcome = await run(command, cwd, answerWithinMs, signal);
  signal?.throwIfAborted();
  if ('cannotRun' in outcome) return { seen: [], stragglers: [], unclear: { why: outcome.cannotRun, final: true } };
  if (outcome.code === 0) return { seen: [name], stragglers: [] };
  const how = outcome.late ? `no answer within ${answerWithinMs} ms` : `exit code ${outcome.code ?? outcome.signal}`;
  return { seen: [], stragglers: [`${name} (${[how, outcome.lastLine].filter(Boolean).join(': ')})`] };
}

interface Ended {
  code: number | null;
  signal: string | null;
  late: boolean;
  lastLine: string;
}

function run(
  command: readonly string[],
  cwd: string | undefined,
  withinMs: number,
  signal?: AbortSignal,
): Promise<Ended | { cannotRun: string }> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    // A process group of its own, so that what the command started ends with it.
    const child = spawn(program, args, { cwd, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    let late = false;
    const end = () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(() => {
      late = true;
      end();
    }, withinMs);
    signal?.addEventListener('abort', end, { once: true });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4096);
    });
    const settle = (outcome: Ended | { cannotRun: string }) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      child.stderr.destroy(); // a grandchild may hold it open
      resolve(outcome);
    };
    child.once('error', (error) => settle({ cannotRun: `${program} cannot be run: ${messageOf(error)}` }));
    child.once('exit', (code, ended) => setImmediate(() => settle({ code, signal: ended, late, lastLine: lastLineOf(said) })));
  });
}

const lastLineOf = (text: string): string => (text.trim().split('\n').at(-1) ?? '').trim().slice(0, MAX_DETAIL);
