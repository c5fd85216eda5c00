import { resolve } from 'node:path/posix';
import type { V1Container } from '@kubernetes/client-node';
import { RecoveryError } from '../../model/errors.ts';
import { splitArgs } from '../../model/split-args.ts';
import { type RedisConf, readRedisConf, splitCommand } from '../redis-conf.ts';
import type { Cluster } from './cluster.ts';
import { claimMounts } from './container.ts';
import { mountedFiles } from './mounted-files.ts';
import type { Workload } from './workload.ts';

/** What the next start of a container reads, as far as the API shows it. */
export interface ContainerConf {
  conf: RedisConf;
  /** As the container names it. */
  configFile?: string;
}

/** @throws RecoveryError `CONFIG_INVALID` with the name of what cannot be seen */
export async function readContainerConf(
  cluster: Cluster,
  workload: Workload,
  container: V1Container,
  signal?: AbortSignal,
): Promise<ContainerConf> {
  const command = commandOf(workload, container);
  const { configFile, overrides } = splitCommand(command);
  const cwd = container.workingDir ?? homeOf(workload, container);
  const files = mountedFiles(workload.template.spec ?? { containers: [] }, container, (name) =>
    cluster.find(
      `get ConfigMap ${name}`,
      (options) => cluster.core.readNamespacedConfigMap({ name, namespace: cluster.namespace }, options),
      signal,
    ),
  );
  return {
    conf: await readRedisConf(configFile, { cwd, overrides, files }),
    ...(configFile === undefined ? {} : { configFile: resolve(cwd, configFile) }),
  };
}

/**
 * Where a relative `dir` counts from. What WORKDIR an image has the API does not say: a Redis that names no `dir` keeps its data
 * where its only claim is, or keeps none.
 */
function homeOf(workload: Workload, container: V1Container): string {
  const [only, second] = claimMounts(workload, container);
  return only && !second ? only.mountPath : '/';
}

/** The words that start Redis. @throws RecoveryError `CONFIG_INVALID` where a script does */
export function commandOf({ description }: Pick<Workload, 'description'>, container: V1Container): string[] {
  const { command = [], args = [], env = [] } = container;
  const literal = new Map(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value] as const])));
  const expand = (word: string) => word.replace(/\$\((\w+)\)/g, (whole, name: string) => literal.get(name) ?? whole);
  const words = withServer(command, args).map(expand);
  const script = scriptIn(words);
  const found = script === undefined ? words : plainCommand(script);
  if (found?.some((word) => SERVER.test(word))) return found;
  throw new RecoveryError(
    'CONFIG_INVALID',
    `what starts Redis in container ${container.name} of ${description} is a script, which cannot be seen: ${shown(words)}`,
    { next: 'Let the container start redis-server itself, with its configuration as a file or as arguments.' },
  );
}

const SERVER = /(?:^|\/)(?:redis|valkey)-server$/;
const SHOWN = 80;
/** Only what names the script: arguments may be passwords. */
const shown = ([program = '', ...rest]: string[]): string => `${program}${rest.length > 0 ? ' …' : ''}`.slice(0, SHOWN);

/** The entry point of the usual images puts redis-server before an option or a file, and runs it where nothing is said. */
function withServer(command: string[], args: string[]): string[] {
  if (command.length > 0) return [...command, ...args];
  const [first] = args;
  return first === undefined || first.startsWith('-') || first.endsWith('.conf') ? ['redis-server', ...args] : args;
}

const scriptIn = ([program = '', option = '', script]: string[]): string | undefined =>
  /(?:^|\/)(?:ba|da|a)?sh$/.test(program) && /^-\w*c$/.test(option) ? script : undefined;

/** A script that is one plain command. */
function plainCommand(script: string): string[] | undefined {
  const line = script.trim().replace(/^exec\s+/, '');
  return /[\n;&|<>`$(){}*?#]/.test(line) ? undefined : splitArgs(line);
}
