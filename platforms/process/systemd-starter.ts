import { execFile } from 'node:child_process';
import { constants } from 'node:os';
import { promisify } from 'node:util';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { lastLines, tailOf } from '../host/log-tail.ts';
import { readProcess } from '../host/process-table.ts';
import { userName } from '../host/users.ts';
import type { Starter, Starting } from './starter.ts';

export interface SystemdStart {
  unit: string;
  /** A unit of the user's own manager. */
  user: boolean;
  serverLog: () => Promise<string | undefined>;
}

const PROPERTIES = [
  'LoadState',
  'ActiveState',
  'SubState',
  'MainPID',
  'Result',
  'ExecMainStatus',
  'ExecMainCode',
  'ExecMainExitTimestamp',
  'NRestarts',
  'ExecStart',
  'WorkingDirectory',
  'User',
];
const CALL_TIMEOUT_MS = 20_000;

/**
 * Redis as a systemd unit. Units of the distributions have `Restart=always`: a server that ends by itself, by SHUTDOWN for
 * instance, is brought up again, so it is only ever ended by `systemctl stop`.
 * All calls return at once (`--no-block`): with `Type=notify` a start would else wait for the whole load, and time out in it.
 */
export function systemdStarter({ unit, user, serverLog }: SystemdStart): Starter {
  const call = (...args: string[]) => systemctl(unit, [...(user ? ['--user'] : []), ...args]);
  const show = async () => parseShow(await call('show', '--property', PROPERTIES.join(','), unit));
  return {
    description: `systemd unit ${unit}`,
    restartsByItself: true,
    find: async () => {
      const pid = Number((await show()).MainPID ?? 0);
      return pid > 0 ? readProcess(pid) : undefined;
    },
    // systemd says an empty user for root; of the user's own manager there is only one.
    startUser: async () => ({
      user: { from: 'unit', user: user ? await userName(process.getuid?.() ?? 0) : (await show()).User || 'root' },
    }),
    begin: async () => {
      if ((await show()).LoadState === 'not-found') throw noSuchUnit(unit);
      await call('start', '--no-block', unit);
      return starting(show);
    },
    askToEnd: async () => {
      await call('stop', '--no-block', unit);
    },
    endOf: () => undefined,
    supervised: async () => supervisedEnd(await show()),
    isDown: async () => ['inactive', 'failed'].includes((await show()).ActiveState ?? ''),
    logs: async (lines) => {
      const file = await serverLog();
      const own = file ? await tailOf(file, lines) : [];
      return own.length > 0 ? own : journal(unit, user, lines);
    },
    commandLine: async () => {
      const { ExecStart = '', WorkingDirectory = '' } = await show();
      return { command: commandOf(ExecStart), cwd: WorkingDirectory.replace(/^[!~-]+/, '') || '/' };
    },
  };
}

/** `activating (auto-restart)` means that it has failed and will be tried again: for a start that is a failure. */
function starting(show: () => Promise<Record<string, string>>): Starting {
  return {
    failure: async () => {
      const { ActiveState, SubState, Result, ExecMainStatus } = await show();
      if (ActiveState !== 'failed' && SubState !== 'auto-restart' && Result !== 'start-limit-hit') return undefined;
      const code = Number(ExecMainStatus);
      return { code: Number.isNaN(code) ? undefined : code, why: `systemd says ${ActiveState} (${Result})` };
    },
  };
}

/** Codes of waitid(2): 1 exited, 2 killed, 3 killed with a core; then the status is the number of the signal. */
export function supervisedEnd(shown: Record<string, string>): NonNullable<Awaited<ReturnType<Starter['supervised']>>> {
  const { ExecMainStatus = '', ExecMainCode = '', ExecMainExitTimestamp = '', SubState, Result, NRestarts } = shown;
  const status = Number(ExecMainStatus);
  const atMs = Date.parse(ExecMainExitTimestamp.replace(/^\w{3} /, ''));
  const isSignal = ExecMainCode === '2' || ExecMainCode === '3';
  const signal = isSignal ? Object.entries(constants.signals).find(([, number]) => number === status)?.[0] : undefined;
  const hasEnded = isSignal || ExecMainCode === '1' || (ExecMainCode === '' && status > 0);
  return {
    ...(hasEnded ? { end: { ...(signal ? { signal } : { code: status }), ...(Number.isNaN(atMs) ? {} : { atMs }) } } : {}),
    ...(Result === 'oom-kill' ? { oomKilled: true } : {}),
    crashLoop: SubState === 'auto-restart' || Result === 'start-limit-hit' || Number(NRestarts ?? 0) > 1,
  };
}

export const parseShow = (text: string): Record<string, string> =>
  Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1).trim()]] : [];
    }),
  );

/** The arguments in `{ path=/usr/bin/redis-server ; argv[]=/usr/bin/redis-server /etc/redis.conf --daemonize no ; … }`. */
export const commandOf = (execStart: string): string[] =>
  (/argv\[\]=(.*?) ;/.exec(execStart)?.[1] ?? '').split(' ').filter((word) => word !== '');

/** In a container, or on a machine with another supervisor. */
const NO_SYSTEMD = /not been booted with systemd/;

async function systemctl(unit: string, args: string[]): Promise<string> {
  try {
    return (await promisify(execFile)('systemctl', ['--no-pager', ...args], { timeout: CALL_TIMEOUT_MS })).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const said = stderr?.trim() || messageOf(error);
    throw new RecoveryError('PLATFORM_UNSUPPORTED', `systemctl ${args[0] ?? ''} ${unit} failed: ${said}`, {
      next:
        code === 'ENOENT' || NO_SYSTEMD.test(said)
          ? 'Run the worker on the host itself, or start this instance by a command (`start: { command: … }`).'
          : 'Let the user of the worker manage this unit (polkit or sudo).',
      cause: error,
    });
  }
}

const noSuchUnit = (unit: string) =>
  new RecoveryError('CONFIG_INVALID', `systemd has no unit ${unit}`, {
    next: 'Name the unit as `systemctl list-units` shows it, such as redis-server.service.',
  });

async function journal(unit: string, user: boolean, lines: number): Promise<string[]> {
  const args = [...(user ? ['--user'] : []), '--unit', unit, '--lines', String(lines), '--output', 'cat', '--no-pager'];
  try {
    return lastLines((await promisify(execFile)('journalctl', args, { timeout: CALL_TIMEOUT_MS })).stdout, lines);
  } catch {
    return []; // a log that cannot be read must not keep Redis down
  }
}
