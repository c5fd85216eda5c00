import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, RecoveryError } from '../model/errors.ts';
import { shardName, theShard } from '../model/shard.ts';
import type { Config, ConfigOrigin, InstanceConfig, InstanceShard, ShardConfig } from './config.ts';
import { crossChecks } from './cross-checks.ts';
import { fromRaw } from './from-raw.ts';
import { type Problem, problemsOf } from './problems.ts';
import { configSchema } from './schema.ts';
import { suggest } from './suggest.ts';
import { parseYaml, type YamlSource } from './yaml-source.ts';

export const CONFIG_ENV = 'REDIS_BACKUP_CONFIG';
export const CONFIG_FILES: readonly string[] = ['redis-backup.yaml', '/etc/redis-backup/redis-backup.yaml'];

/**
 * Finds and reads the configuration: the given file, else $REDIS_BACKUP_CONFIG, else ./redis-backup.yaml, else the one in /etc.
 * Resolves no secret, so that `list` works for who may not read them.
 * @throws RecoveryError `CONFIG_INVALID` that names every wrong field with its line, the value and what is allowed
 */
export async function loadConfig(file?: string, env: NodeJS.ProcessEnv = process.env): Promise<Config> {
  const found = await findConfig(file, env);
  const text = await readFile(found.file, 'utf8').catch((error: unknown) => {
    throw new RecoveryError('CONFIG_INVALID', `${found.file}${found.from} cannot be read: ${messageOf(error)}`, {
      next: 'Name a readable configuration file with --config.',
    });
  });
  return parseConfig(text, path.resolve(found.file));
}

/** The configuration in a YAML text. @param file - its name, for messages and for relative paths of secret files */
export function parseConfig(text: string, file: string): Config {
  const yaml = parseYaml(text);
  if (yaml.errors.length > 0) {
    throw invalid(
      file,
      yaml.errors.map(({ line, message }) => `${file}:${line}: ${message}`),
    );
  }
  if (yaml.data === null || yaml.data === undefined) throw invalid(file, [`${file} is empty`]);
  const origin: ConfigOrigin = { file, at: (at) => placeOf(file, yaml, at) };
  const say = (problems: Problem[]) =>
    problems
      .sort((a, b) => yaml.lineOf(a.path) - yaml.lineOf(b.path))
      .map(({ path: at, message }) => `${origin.at(at)} ${message}`);
  const parsed = configSchema.safeParse(yaml.data);
  if (!parsed.success) throw invalid(file, say(problemsOf(configSchema, yaml.data, parsed.error.issues)));
  const problems = crossChecks(parsed.data);
  if (problems.length > 0) throw invalid(file, say(problems));
  return fromRaw(parsed.data, origin);
}

/** The names of all instances, in the order of the file. */
export const instanceNames = (config: Config): string[] => Object.keys(config.instances);

/** One instance. @throws RecoveryError `INSTANCE_UNKNOWN` with the names that there are */
export function instanceOf(config: Config, name: string): InstanceConfig {
  const instance = Object.hasOwn(config.instances, name) ? config.instances[name] : undefined;
  if (instance) return instance;
  const names = instanceNames(config);
  const meant = suggest(name, names);
  throw new RecoveryError('INSTANCE_UNKNOWN', `there is no instance "${name}" in ${config.origin.file}`, {
    next: meant
      ? `Did you mean "${meant}"? The instances are: ${names.join(', ')}.`
      : `Use one of the instances: ${names.join(', ')}.`,
  });
}

/** One Redis of it. @param id - undefined: the only one @throws RecoveryError `INPUT_INVALID` with those that there are */
export const shardOf = (instance: InstanceConfig, id: string | undefined): InstanceShard =>
  withShard(instance, theShard(instance, id));

/** Each Redis of it. */
export const shardsOf = (instance: InstanceConfig): InstanceShard[] => instance.shards.map((shard) => withShard(instance, shard));

function withShard({ shards, name: instance, ...common }: InstanceConfig, { id, ...own }: ShardConfig): InstanceShard {
  const of = { instance, shard: id };
  return { ...common, ...own, ...of, name: shardName(of, shards.length) };
}

async function findConfig(file: string | undefined, env: NodeJS.ProcessEnv): Promise<{ file: string; from: string }> {
  if (file) return { file, from: '' };
  const named = env[CONFIG_ENV];
  if (named) return { file: named, from: ` (from ${CONFIG_ENV})` };
  for (const candidate of CONFIG_FILES) {
    // Only "not there" goes on to the next place: a file that is there and unreadable must say so.
    const there = await access(candidate).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT' && error.code !== 'ENOTDIR',
    );
    if (there) return { file: candidate, from: '' };
  }
  throw new RecoveryError('CONFIG_INVALID', `no configuration: neither ${CONFIG_FILES.map(relative).join(' nor ')} is there`, {
    next: `Name the file with --config or ${CONFIG_ENV}; examples/redis-backup.yaml is one to start from.`,
  });
}

const relative = (file: string) => (path.isAbsolute(file) ? file : `./${file}`);

const placeOf = (file: string, yaml: YamlSource, at: readonly PropertyKey[]) =>
  `${file}:${yaml.lineOf(at)}:${at.length > 0 ? ` ${fieldPath(at)}` : ''}`;

const fieldPath = (at: readonly PropertyKey[]) =>
  at.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`)).join('');

function invalid(file: string, problems: string[]): RecoveryError {
  const message =
    problems.length === 1 ? (problems[0] ?? '') : `${problems.length} problems in ${file}:\n  ${problems.join('\n  ')}`;
  return new RecoveryError('CONFIG_INVALID', message, {
    next: `Correct ${file}; docs/configuration.md names every field.`,
  });
}
