import type { LackingCommand, TargetFacts } from '../../model/restore/plan/plan.ts';
import type { Control, RenamedCommand } from '../../platforms/platform.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { lackingCommands } from '../../redis/client/command-table.ts';
import { isNewerThan62, LOGGED_NAMES } from '../../redis/log/write-commands.ts';
import type { ProtectedInstance } from '../dependencies.ts';

/** Which commands that a log may have the running Redis would not execute. */
export async function commandsNow(client: RedisClient, target: ProtectedInstance): Promise<TargetFacts['commands']> {
  const lacking = await lackingCommands(client, namesFor(target));
  return { isKnown: lacking !== undefined, lacking: (lacking ?? []).map((name) => ({ name, ...NOT_THERE })) };
}

/**
 * Which of them the next start would not. The table of the running one says which it has at all; what is disabled or renamed
 * says redis.conf, which may have been corrected since.
 * @param client - absent: it does not answer
 */
export async function commandsAfterStart(
  target: ProtectedInstance,
  renamed: Readonly<Record<string, RenamedCommand>>,
  client: RedisClient | undefined,
): Promise<TargetFacts['commands']> {
  const disabled = Object.entries(renamed).map(([name, { by }]): LackingCommand => ({ name, why: byConf(by), next: MEND_CONF }));
  const now = client && (await lackingCommands(client, namesFor(target)));
  const modules = moduleNames(target);
  const others = (now ?? [])
    .filter((name) => !(name in renamed) && (isNewerThan62(name) || modules.includes(name)))
    .map((name) => ({ name, ...(modules.includes(name) ? NO_MODULE : TOO_OLD) }));
  return { isKnown: now !== undefined, lacking: [...disabled, ...others] };
}

/** Which commands could tell it to save on its way out, where none of them is there; empty: one is, or that is not known. */
export async function lackingToSave(
  client: RedisClient,
  { restartsByItself }: Pick<Control, 'restartsByItself'>,
): Promise<string[]> {
  const ways = ['SAVE', 'CONFIG', 'BGSAVE']; // see saveForSignal
  const wanted = restartsByItself ? ways : ['SHUTDOWN', ...ways]; // a supervisor would start again what has shut down
  const called = (await Promise.all(wanted.map((name) => client.called(name)))).filter((name) => name !== '');
  if (called.length === 0) return wanted;
  const lacking = await lackingCommands(client, called);
  return lacking?.length === called.length ? wanted : [];
}

const byConf = (by: string): string => `disabled or renamed by ${by} (rename-command): Redis would end while it loads the log`;
const MEND_CONF = 'Remove that line for the restore, or restore to a moment before that command.';
const TOO_OLD = {
  why: 'not there in the Redis that runs now, which is too old for it',
  next: 'Run the version that wrote the log, or a newer one, or restore to a moment before that command.',
};
const NO_MODULE = {
  why: 'of a module that Redis has not loaded',
  next: 'Load the module (loadmodule) and start again, or restore to a moment before that command.',
};
const NOT_THERE = {
  why: 'not in the command table of this Redis: disabled, renamed, of a module or of a newer Redis',
  next: 'Restore to a moment before that command, or by --strategy replace with a redis.conf that has it.',
};

const namesFor = (target: ProtectedInstance): string[] => [...new Set([...LOGGED_NAMES, ...moduleNames(target)])];
const moduleNames = ({ archive }: ProtectedInstance): string[] =>
  archive?.moduleCommands.map((name) => name.toUpperCase().split(' ')[0] ?? '') ?? [];
