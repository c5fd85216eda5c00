import { z } from 'zod';
import { duration, field, flag, matching, oneOf, size, wholeNumber } from './fields.ts';

/** `instances.*.backup`. */
export const backup = z.strictObject({
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

/** `instances.*.archive`. */
export const archive = z.strictObject({
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
    about:
      'Commands that `rename-command` gave another name on this server: the log has them as they are typed. Those of `commands` and, on its own machine, of redis.conf are known without.',
    allowed: 'a section of new name and real name, such as { hidden-flushall: FLUSHALL }',
  }),
  moduleCommands: field(z.array(z.string().min(1)).default([]), {
    about: 'Write commands of modules that a replay may run. Any other command that Redis itself does not have is refused.',
    allowed: 'a list of commands, such as [JSON.SET, JSON.DEL]',
  }),
});

/** `instances.*.retention`. */
export const retention = z.strictObject({
  keepLast: wholeNumber('The newest so many.', 1, 100_000).default(28),
  keepWithin: duration('All that are at most this much older than the newest.', { min: '1m' }).prefault('7d'),
  keepDaily: wholeNumber('The newest of each of the last so many days (UTC) that have one.', 1, 10_000).optional(),
  keepWeekly: wholeNumber('The same for weeks, from Monday.', 1, 10_000).optional(),
  keepMonthly: wholeNumber('The same for months.', 1, 10_000).optional(),
});

/** `instances.*.policy`. */
export const policy = z.strictObject({
  save: matching(
    /^(?:\d+ \d+(?: \d+ \d+)*|"")$/,
    'RDB save points, as in redis.conf.',
    'pairs of seconds and changes, such as "3600 1 300 100", or \'""\' for none',
  ).default('3600 1 300 100 60 10000'),
  appendonly: oneOf(['yes', 'no'], 'Whether Redis keeps its append-only file.').default('yes'),
  appendfsync: oneOf(['always', 'everysec', 'no'], 'When Redis syncs its append-only file.').default('everysec'),
});
