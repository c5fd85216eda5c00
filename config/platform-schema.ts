import { z } from 'zod';
import { absolutePath, command, duration, field, matching, NAME_ALLOWED, name, section, wholeNumber } from './fields.ts';

const start = z.strictObject({
  command: command('Starts Redis by this command, without a shell.').optional(),
  cwd: absolutePath('Directory that the command starts in. Only with `command`.').optional(),
  logFile: absolutePath('File that gets what the command prints. Only with `command`.').optional(),
  systemd: matching(
    /^[A-Za-z0-9_][\w@.:\\-]*\.service$/,
    'Starts and stops Redis as this systemd unit.',
    'a unit, such as redis-server.service',
  ).optional(),
});

/** `instances.*.platform`. */
export const platform = z.discriminatedUnion('type', [
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
      "Redis' own configuration file, the one that `start` starts it with: names the data directory even when Redis is down.",
      '/etc/redis/redis.conf',
    ),
    start: section('How Redis is started: exactly one of `command` and `systemd`.', start),
    port: wholeNumber(
      'Port of Redis itself, where the url is that of something before it, such as a TLS terminator.',
      1,
      65_535,
    ).optional(),
    socket: absolutePath('The same, of a Redis that listens on a Unix socket alone.', '/run/redis/redis.sock').optional(),
    pidFile: absolutePath('File with the process id, when the process cannot be found by its port.').optional(),
    noProgress: duration(
      'How long a Redis that a restore has started may stand still on its way to serving, with no progress of its load: then everything is put back.',
      { min: '5s', max: '1h' },
    ).prefault('60s'),
  }),
  z.strictObject({
    type: field(z.literal('external'), {
      about: 'Reached over the Redis protocol only: backups, but no `replace` restores.',
      allowed: 'external',
    }),
  }),
]);
