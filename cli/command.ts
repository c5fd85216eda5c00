import type { Config, InstanceShard } from '../config/config.ts';
import { instanceNames, instanceOf, shardOf } from '../config/load.ts';
import { RecoveryError } from '../model/errors.ts';
import { isBackupId, timeOfBackupId } from '../model/instance.ts';
import { type AskedShard, askedFor } from '../model/shard.ts';
import type { Repository } from '../repository/repository.ts';
import type { Output } from './output/output.ts';
import type { TemporalSession } from './temporal.ts';

/** One command: the table that `--help`, docs/commands.md and the parser are made from. */
export interface CommandSpec {
  name: string;
  about: string;
  arguments: readonly { name: string; about: string; required?: boolean }[];
  options: readonly OptionSpec[];
  /** What to do meanwhile, when Temporal does not answer. */
  withoutTemporal?: string;
  /** Exit codes that need a word beyond docs/errors.md. */
  exits?: string;
  /** Returns the exit code when it isn't 0. */
  run(context: CommandContext, given: Given): Promise<number | undefined>;
  /** Says a failure, that of a typing slip too, in a way of its own, and returns the exit code; undefined: as every command does. */
  failure?(output: Output, error: unknown, args: readonly string[]): number | undefined;
}

export interface OptionSpec {
  /** As commander reads it: `--max-age <duration>`. */
  flags: string;
  about: string;
}

export interface Given {
  arguments: readonly (string | undefined)[];
  /** By camel-cased name: `maxAge`. Flags are `true`. */
  options: Readonly<Record<string, string | boolean | undefined>>;
}

/** The world of a command, opened when it is asked for: `list` must work while Temporal is down. */
export interface CommandContext {
  output: Output;
  /** Ctrl-C. */
  interrupt: AbortSignal;
  /** Whether a person can be asked, and how. Absent: nobody is there. `over` takes the question away, and is an empty answer. */
  ask?: (question: string, over?: AbortSignal) => Promise<string>;
  now(): number;
  /** Path given by --config. */
  configFile?: string;
  config(): Promise<Config>;
  repository(): Promise<Repository>;
  temporal(): Promise<TemporalSession>;
}

export const optionOf = (given: Given, name: string): string | undefined => {
  const value = given.options[name];
  return typeof value === 'string' ? value : undefined;
};

/** The instance that is meant: the named one, or the only one. @throws RecoveryError `USAGE`, `INSTANCE_UNKNOWN` */
export function oneInstance(config: Config, name: string | undefined, command: string): string {
  if (name !== undefined) return instanceOf(config, name).name;
  const names = instanceNames(config);
  if (names.length === 1 && names[0] !== undefined) return names[0];
  throw new RecoveryError('USAGE', `there are ${names.length} instances, and none was named`, {
    next: `Name one: redis-backup ${command} ${names[0]}; the instances are: ${names.join(', ')}.`,
  });
}

/**
 * The same of a Redis, as `INSTANCE` or `INSTANCE/SHARD`: an instance with several has to say which.
 * @throws RecoveryError `USAGE`, `INSTANCE_UNKNOWN`, `INPUT_INVALID`
 */
export function oneShard(config: Config, name: string | undefined, command: string): InstanceShard {
  const [instance, shard] = name?.split(/\/(.*)/) ?? [];
  return shardOf(instanceOf(config, oneInstance(config, instance, command)), shard);
}

export const LATEST = 'latest';

/**
 * Of the arguments `[INSTANCE] [BACKUP_ID]`. With one instance, `restore 20260801T060000Z` names that backup: a backup id
 * is never a name.
 * @throws RecoveryError `USAGE`, `INSTANCE_UNKNOWN`, `INPUT_INVALID`
 */
export function instanceAndBackup(
  config: Config,
  { arguments: [first, second] }: Given,
  command: string,
): { redis: InstanceShard; backupId: string; named: boolean } {
  const onlyBackup = second === undefined && first !== undefined && (first === LATEST || isBackupId(first));
  const redis = oneShard(config, onlyBackup ? undefined : first, command);
  const given = onlyBackup ? first : second;
  const backupId = given ?? LATEST;
  if (backupId !== LATEST) timeOfBackupId(backupId); // refuses what is no id, before it becomes part of a key
  return { redis, backupId, named: given !== undefined };
}

/** The same, or one Redis of it, as `INSTANCE/SHARD`. */
export const someShards = (config: Config, name: string | undefined): AskedShard[] =>
  name?.includes('/') ? [askedFor(oneShard(config, name, ''))] : someInstances(config, name).map((instance) => ({ instance }));

/** The named instance, or all. */
export const someInstances = (config: Config, name: string | undefined): string[] =>
  name === undefined ? instanceNames(config) : [instanceOf(config, name).name];
