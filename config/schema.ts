import { z } from 'zod';
import { DEFAULT_DATA_CLASSES } from '../model/data-class.ts';
import { isName } from '../model/instance.ts';
import {
  absolutePath,
  duration,
  field,
  flag,
  httpUrl,
  matching,
  oneOf,
  secret,
  section,
  size,
  text,
  texts,
  url,
  wholeNumber,
} from './fields.ts';
import { recovery, watch } from './recovery-schema.ts';

const NAME_ALLOWED = 'small letters, digits and hyphens, up to 63, such as orders-eu';
const COMMAND_ALLOWED = 'a list of texts: the program and its arguments, such as [redis-server, /etc/redis/redis.conf]';

const name = (about: string) => field(z.string().refine(isName), { about, allowed: NAME_ALLOWED });
const list = <T extends z.ZodType>(about: string, entry: T) => field(z.array(entry), { about, allowed: 'a list' });

function refuseRedisUrl(parsed: URL): string | undefined {
  if (parsed.password) return 'has a password in it; write `password: {env: NAME}` or `password: {file: /path}` instead';
  if (parsed.username) return 'has a user in it; write `username:` instead';
  if (!parsed.hostname) return 'has no host';
  if (!['', '/'].includes(parsed.pathname)) return 'has a database number; a backup holds all databases, so leave it out';
  return parsed.search || parsed.hash ? 'has options after the port; leave them out' : undefined;
}

function refuseRepositoryUrl(parsed: URL): string | undefined {
  if (parsed.search || parsed.hash) return 'has `?` or `#` in it';
  if (parsed.protocol === 'file:') return parsed.host || parsed.pathname === '/' ? '' : undefined;
  if (parsed.username || parsed.password) return 'has credentials in it; use accessKeyId and secretAccessKey';
  return /^[a-z0-9][a-z0-9.-]+$/.test(parsed.host) ? undefined : '';
}

const repository = z.strictObject({
  url: url('Where backups live.', 's3://bucket/prefix or file:///directory', ['s3:', 'file:'], refuseRepositoryUrl),
  endpoint: httpUrl('S3 server other than AWS. Only with `s3://`.').optional(),
  region: field(text('Region of the bucket.').optional(), {
    about: 'Region of the bucket. Only with `s3://`.',
    allowed: 'a region, such as eu-central-1',
    byDefault: "the AWS SDK's own chain, or us-east-1 with an `endpoint`",
  }),
  forcePathStyle: field(z.boolean().optional(), {
    about: 'Puts the bucket into the path instead of the host name. Only with `s3://`.',
    allowed: 'true or false',
    byDefault: 'true with an `endpoint`, else false',
  }),
  accessKeyId: secret("Absent: the AWS SDK's own chain (environment, profile, role).").optional(),
  secretAccessKey: secret('Goes with `accessKeyId`.').optional(),
  sessionToken: secret('For temporary credentials.').optional(),
});

const tlsFiles = {
  ca: secret('PEM of the authority that signed the server. Absent: the authorities that Node knows.').optional(),
  cert: secret('PEM of the client certificate. Goes with `key`.').optional(),
  key: secret('PEM of the client key. Goes with `cert`.').optional(),
  servername: text('Name that the certificate must carry, when it is not the host of the address.').optional(),
};

const temporal = z.strictObject({
  address: matching(
    /^[^\s/:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/,
    'Frontend of the Temporal server.',
    'host:port, such as 127.0.0.1:7233',
  ).optional(),
  namespace: text('Temporal namespace.').optional(),
  profile: text('Profile of the `temporal` CLI to use.').optional(),
  apiKey: secret('API key, for Temporal Cloud.').optional(),
  tls: section('TLS to Temporal; `tls: {}` is TLS without further settings.', z.strictObject(tlsFiles)).optional(),
});

const HOST = /^[A-Za-z0-9_.:-]+$/;
const HOST_ALLOWED = 'a host name or an IP address';
const address = (about: string, byDefault: string) =>
  field(matching(HOST, about, HOST_ALLOWED).optional(), { about, allowed: HOST_ALLOWED, byDefault });

const live = z.strictObject({
  address: address('Under which Redis reaches this worker.', 'the address of this machine on the way to that Redis'),
  listen: address('Address that the worker listens on.', '`address`'),
  port: field(z.int().min(1).max(65_535).optional(), {
    about: 'Port that the worker listens on.',
    allowed: 'a whole number from 1 to 65535',
    byDefault: 'a free one',
  }),
});

const worker = z.strictObject({
  host: field(name('').optional(), {
    about: 'Name of the machine the worker runs on: it polls the queue `host/<name>`.',
    allowed: NAME_ALLOWED,
    byDefault: 'the host name of the machine',
  }),
  spool: section(
    'Room on local disk for a snapshot when the store is slower than Redis, so that the fork is not held open. Absent: no spool.',
    z.strictObject({
      directory: absolutePath('Directory of the spool.'),
      maxBytes: size('Most that the spool may hold.').prefault('4GiB'),
    }),
  ).optional(),
  metrics: section(
    'Serves figures for Prometheus at `/metrics`. Absent: none.',
    z.strictObject({
      host: matching(HOST, 'Address to listen on.', HOST_ALLOWED).default('127.0.0.1'),
      port: wholeNumber('Port to listen on.', 1, 65_535),
    }),
  ).optional(),
  webhook: section(
    'Takes alerts of Alertmanager at `/alert`, and tells the watcher of the instance that they name. Absent: none.',
    z.strictObject({
      host: matching(HOST, 'Address to listen on.', HOST_ALLOWED).default('127.0.0.1'),
      port: wholeNumber('Port to listen on.', 1, 65_535),
      token: secret('What callers give as `Authorization: Bearer …`.'),
    }),
  ).optional(),
  live: section(
    'How a Redis reaches this worker while it is loaded live. Whoever connects there and is not that Redis gets nothing.',
    live,
  ).optional(),
});

const dataClass = z.strictObject({
  name: matching(
    /^[A-Za-z][A-Za-z0-9_-]{0,62}$/,
    'Name of the class; `other` is taken.',
    'letters, digits, - and _, such as sessions',
  ),
  pattern: text(
    'Glob over the key name, as in `SCAN … MATCH`. The first class that matches counts.',
    'a Redis glob, such as session:*',
  ),
  expiry: oneOf(['fixed', 'sliding'], 'Time to live counted from creation, or renewed at each use.').default('fixed'),
  ttl: duration('Longest time to live that the application sets.').optional(),
  recreatable: flag(
    'It comes back by itself: a Redis that lost it may start empty without asking, if this holds for every class.',
  ).default(false),
  sensitive: flag('Live credentials, which want encryption and short retention.').default(false),
  whenLost: text('What people notice when it is lost.'),
});
const dataClasses = (about: string) => list(about, dataClass);

const start = z.strictObject({
  command: texts('Starts Redis by this command, without a shell.', COMMAND_ALLOWED).optional(),
  cwd: absolutePath('Directory that the command starts in. Only with `command`.').optional(),
  logFile: absolutePath('File that gets what the command prints. Only with `command`.').optional(),
  systemd: matching(
    /^[A-Za-z0-9_][\w@.:\\-]*\.service$/,
    'Starts and stops Redis as this systemd unit.',
    'a unit, such as redis-server.service',
  ).optional(),
});

const platform = z.discriminatedUnion('type', [
  z.strictObject({
    type: field(z.literal('process'), {
      about: 'A local process. The only one that restores can stop and start.',
      allowed: 'process',
    }),
    host: field(name('').optional(), {
      about: 'Machine that Redis runs on; a worker with this `worker.host` must run there.',
      allowed: NAME_ALLOWED,
      byDefault: '`worker.host`',
    }),
    configFile: absolutePath(
      "Redis' own configuration file: names the data directory even when Redis is down.",
      '/etc/redis/redis.conf',
    ),
    start: section('How Redis is started: exactly one of `command` and `systemd`.', start),
    pidFile: absolutePath('File with the process id, when the process cannot be found by its port.').optional(),
  }),
  z.strictObject({
    type: field(z.literal('external'), {
      about: 'Reached over the Redis protocol only: backups, but no `replace` restores.',
      allowed: 'external',
    }),
  }),
]);

const backup = z.strictObject({
  every: duration('Time between scheduled backups.', { min: '1m', max: '7d' }).prefault('6h'),
  method: oneOf(
    ['replication', 'bgsave'],
    'Take the RDB as a replica over the network, or by BGSAVE from a directory that the worker sees.',
  ).default('replication'),
  compressionLevel: wholeNumber('zstd level.', 1, 19).default(1),
  uncompressedFork: flag(
    'Turns `rdbcompression` off for the moment of the fork: faster and smaller, at the price of more network.',
  ).default(false),
  maxAge: field(duration('', { min: '1m' }).optional(), {
    about: 'Age from which `status` calls the last good backup stale.',
    allowed: 'a whole number and s, m, h or d, such as 7h',
    byDefault: '`every` and one hour',
  }),
});

const archive = z.strictObject({
  segmentAge: duration('Age at which a segment is closed and stored.', { max: '1h' }).prefault('1s'),
  segmentSize: size('Size of the raw stream at which a segment is closed.').prefault('8MiB'),
  restartDelay: duration(
    'How long a Redis that was restarted must have served before a new base is taken from it: a fork and a full transfer.',
    { max: '1h' },
  ).prefault('30s'),
  compactAfter: duration('Age from which small segments are joined into large ones.', { min: '1m' }).prefault('1h'),
  allowMinReplicas: flag(
    'Whether the archiver may be counted by `min-replicas-to-write` of the server: it then hides a lost replica.',
  ).default(false),
  renamedCommands: field(z.record(z.string().min(1), z.string().min(1)).default({}), {
    about: 'Commands that `rename-command` gave another name on this server: the log has them as they are typed.',
    allowed: 'a section of new name and real name, such as { hidden-flushall: FLUSHALL }',
  }),
  moduleCommands: field(z.array(z.string().min(1)).default([]), {
    about: 'Write commands of modules that a replay may run. Any other command that Redis itself does not have is refused.',
    allowed: 'a list of commands, such as [JSON.SET, JSON.DEL]',
  }),
});

const retention = z.strictObject({
  keepLast: wholeNumber('The newest so many.', 1, 100_000).default(28),
  keepWithin: duration('All that are at most this much older than the newest.', { min: '1m' }).prefault('7d'),
  keepDaily: wholeNumber('The newest of each of the last so many days (UTC) that have one.', 1, 10_000).optional(),
  keepWeekly: wholeNumber('The same for weeks, from Monday.', 1, 10_000).optional(),
  keepMonthly: wholeNumber('The same for months.', 1, 10_000).optional(),
});

const policy = z.strictObject({
  save: matching(
    /^(?:\d+ \d+(?: \d+ \d+)*|"")$/,
    'RDB save points, as in redis.conf.',
    'pairs of seconds and changes, such as "3600 1 300 100", or \'""\' for none',
  ).default('3600 1 300 100 60 10000'),
  appendonly: oneOf(['yes', 'no'], 'Whether Redis keeps its append-only file.').default('yes'),
  appendfsync: oneOf(['always', 'everysec', 'no'], 'When Redis syncs its append-only file.').default('everysec'),
});

const application = {
  name: name('Name of the application, for reports.'),
  required: flag('Whether a restore fails when this application does not come back.').default(true),
  timeout: duration('How long it may take to come back after a restore.', { min: '1s', max: '1h' }).prefault('60s'),
};
const applications = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: field(z.literal('http'), { about: 'Asks a health page of the application.', allowed: 'http' }),
    url: httpUrl('Page to ask.'),
    expectStatus: field(z.array(z.int().min(100).max(599)).min(1), {
      about: 'HTTP statuses that mean health.',
      allowed: 'a list of HTTP statuses, such as [200, 204]',
    }).default([200]),
    ...application,
  }),
  z.strictObject({
    kind: field(z.literal('clients'), { about: 'Looks for its connections in CLIENT LIST.', allowed: 'clients' }),
    addresses: texts('Networks that it connects from.', 'a list of IP addresses or networks, such as [10.0.0.0/24]').optional(),
    names: texts('Globs over its client names (CLIENT SETNAME).', 'a list of globs, such as [api-*]').optional(),
    quorum: wholeNumber('Connections that must be there.', 1, 100_000).default(1),
    ...application,
  }),
  z.strictObject({
    kind: field(z.literal('command'), { about: 'Runs a command, which must exit with 0.', allowed: 'command' }),
    command: texts('The command, without a shell.', COMMAND_ALLOWED),
    ...application,
  }),
]);

const instance = z.strictObject({
  url: url(
    'Address of Redis; `rediss://` for TLS.',
    'redis://host:port or rediss://host:port',
    ['redis:', 'rediss:'],
    refuseRedisUrl,
  ),
  username: text('ACL user. Absent: the default user.').optional(),
  password: secret('Password of the user.').optional(),
  tls: section('TLS to Redis. Only with `rediss://`.', z.strictObject(tlsFiles)).optional(),
  platform: section('What runs this Redis.', platform).prefault({ type: 'external' }),
  backup: section('When and how backups are taken.', backup).prefault({}),
  archive: section('The continuous log: every write, seconds old, in the repository. Absent: none is kept.', archive).optional(),
  retention: section(
    'Which backups are kept: those that any rule wants, and always the last good one. A backup with less than a tenth of the keys never takes the place of an older one.',
    retention,
  ).prefault({}),
  policy: section(
    'Persistence settings that the server must have; `check` compares them, `check --apply` sets them.',
    policy,
  ).prefault({}),
  dataClasses: dataClasses('Data classes of this instance, instead of the common ones.').optional(),
  applications: list('Applications that must reach Redis again after a restore.', applications).default([]),
  recovery: section('How a recovery decides.', recovery).prefault({}),
  watch: section('Watches this Redis, and starts a recovery. Absent: only people start one.', watch).optional(),
});

/** The whole of redis-backup.yaml. Durations come out as milliseconds, sizes as bytes; config.ts gives them names with units. */
export const configSchema = z.strictObject({
  repository: section('Where backups live.', repository),
  temporal: section(
    'The Temporal server. Absent: what the `temporal` CLI uses (TEMPORAL_ADDRESS, TEMPORAL_PROFILE, …).',
    temporal,
  ).prefault({}),
  worker: section('The worker on this machine.', worker).prefault({}),
  dataClasses: field(z.array(dataClass).optional(), {
    about: 'What the keys are, and what losing them means.',
    allowed: 'a list',
    byDefault: DEFAULT_DATA_CLASSES.map(({ name }) => name).join(', '),
  }),
  instances: field(z.record(z.string().refine(isName), instance), {
    about: 'Every Redis under protection, by name.',
    allowed: 'a section with one entry for each Redis',
  }),
});

export type RawConfig = z.output<typeof configSchema>;
export const INSTANCE_NAME_ALLOWED = NAME_ALLOWED;
