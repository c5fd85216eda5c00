import { hostname } from 'node:os';
import { type DataClass, DEFAULT_DATA_CLASSES } from '../model/data-class.ts';
import { isName } from '../model/instance.ts';
import { realNames } from '../model/renamed-commands.ts';
import type {
  ApplicationConfig,
  ArchiveConfig,
  Config,
  ConfigOrigin,
  InstanceConfig,
  PlatformConfig,
  ShardConfig,
} from './config.ts';
import { toRecovery, toWatch } from './recovery-from-raw.ts';
import type { RawConfig } from './schema.ts';

type RawInstance = RawConfig['instances'][string];

const REDIS_PORT = 6379;
/** Of the one Redis that an entry of the file is; it names its folder in the repository. */
const SHARD = '0';
const HOUR_MS = 3_600_000;

/** Gives the fields of the file names with units, and fills in the defaults that depend on other fields. */
export function fromRaw(raw: RawConfig, origin: ConfigOrigin): Config {
  const host = raw.worker.host ?? thisHost();
  const classes = raw.dataClasses?.map(dataClass) ?? DEFAULT_DATA_CLASSES;
  const instances = Object.entries(raw.instances).map(
    ([name, instance]) => [name, toInstance(name, instance, host, classes)] as const,
  );
  return {
    origin,
    ...(raw.deployment === undefined ? {} : { deployment: raw.deployment }),
    repository: raw.repository,
    temporal: raw.temporal,
    worker: { ...raw.worker, host },
    instances: Object.fromEntries(instances),
  };
}

/** The machine's name as a queue name can hold it: the first label, small letters. */
function thisHost(): string {
  const name = (hostname().split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .replace(/^-+|-+$/g, '');
  return isName(name) ? name : 'localhost';
}

function toInstance(name: string, raw: RawInstance, host: string, commonClasses: readonly DataClass[]): InstanceConfig {
  const { every, maxAge, ...backup } = raw.backup;
  const { keepWithin, ...rules } = raw.retention;
  const dataClasses = raw.dataClasses?.map(dataClass) ?? commonClasses;
  return {
    name,
    shards: [toShard(raw, host)],
    backup: { ...backup, everyMs: every, maxAgeMs: maxAge ?? every + HOUR_MS },
    ...(raw.archive ? { archive: toArchive(raw.archive, raw.commands) } : {}),
    retention: { ...rules, keepWithinMs: keepWithin },
    policy: { ...raw.policy, save: raw.policy.save === '""' ? '' : raw.policy.save },
    dataClasses,
    applications: raw.applications.map(({ timeout, ...rest }): ApplicationConfig => ({ ...rest, timeoutMs: timeout })),
    recovery: toRecovery(raw.recovery, dataClasses),
    ...(raw.watch ? { watch: toWatch(raw.watch) } : {}),
  };
}

function toShard({ platform, commands, ...raw }: RawInstance, host: string): ShardConfig {
  return {
    id: SHARD,
    redis: {
      ...toPlace(new URL(raw.url)),
      username: raw.username,
      password: raw.password,
      tls: raw.url.startsWith('rediss:') ? (raw.tls ?? {}) : undefined,
      ...toOwn(platform),
      ...(commands ? { commands: inCapitals(commands) } : {}),
    },
    platform: toPlatform(platform, host),
  };
}

function toPlace({ protocol, hostname, port, pathname }: URL): Pick<ShardConfig['redis'], 'host' | 'port' | 'socketPath'> {
  if (protocol === 'unix:') return { host: 'localhost', port: 0, socketPath: pathname };
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port ? Number(port) : REDIS_PORT };
}

function toOwn(platform: RawInstance['platform']): Pick<ShardConfig['redis'], 'own'> {
  if (platform.type !== 'process') return {};
  const { port, socket } = platform;
  if (port !== undefined) return { own: { port } };
  return socket === undefined ? {} : { own: { socketPath: socket } };
}

const inCapitals = (commands: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(commands).map(([real, name]) => [real.toUpperCase(), name]));

function toArchive(raw: NonNullable<RawInstance['archive']>, commands: RawInstance['commands']): ArchiveConfig {
  const { segmentAge, segmentSize, restartDelay, compactAfter, renamedCommands, ...rest } = raw;
  return {
    ...rest,
    renamedCommands: { ...realNames(commands ?? {}), ...inCapitals(renamedCommands) },
    segmentAgeMs: segmentAge,
    segmentBytes: segmentSize,
    restartDelayMs: restartDelay,
    compactAfterMs: compactAfter,
  };
}

function toPlatform(raw: RawInstance['platform'], host: string): PlatformConfig {
  if (raw.type === 'external') return raw;
  if (raw.type === 'kubernetes') {
    const { noProgress, ...rest } = raw;
    return { ...rest, noProgressMs: noProgress };
  }
  const { noProgress, port: _, socket: __, ...rest } = raw;
  const { command, systemd, cwd, logFile } = raw.start;
  const start = systemd === undefined ? { command: command ?? [], cwd, logFile } : { systemd };
  return { ...rest, host: raw.host ?? host, hostIsNamed: raw.host !== undefined, start, noProgressMs: noProgress };
}

const dataClass = ({ ttl, ...rest }: NonNullable<RawConfig['dataClasses']>[number]): DataClass => ({
  ...rest,
  ...(ttl === undefined ? {} : { ttlSeconds: ttl / 1000 }),
});
