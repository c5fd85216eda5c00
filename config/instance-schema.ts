import { z } from 'zod';
import { application } from './application-schema.ts';
import { archive, backup, policy, retention } from './backup-schema.ts';
import { dataClass } from './data-class-schema.ts';
import { field, list, secret, section, text, url } from './fields.ts';
import { platform } from './platform-schema.ts';
import { recovery, watch } from './recovery-schema.ts';
import { tls } from './tls-schema.ts';

/** A system takes no longer path of a socket. */
const SOCKET_PATH_BYTES = 107;

function refuseRedisUrl(parsed: URL): string | undefined {
  if (parsed.password) return 'has a password in it; write `password: {env: NAME}` or `password: {file: /path}` instead';
  if (parsed.username) return 'has a user in it; write `username:` instead';
  if (parsed.protocol === 'unix:') return refuseSocketUrl(parsed);
  if (!parsed.hostname) return 'has no host';
  if (!['', '/'].includes(parsed.pathname)) return 'has a database number; a backup holds all databases, so leave it out';
  return parsed.search || parsed.hash ? 'has options after the port; leave them out' : undefined;
}

function refuseSocketUrl({ hostname, pathname, search, hash }: URL): string | undefined {
  if (hostname) return `has a host; a socket is a path on the machine of whoever connects: unix:///${hostname}${pathname}`;
  if (search || hash) return 'has options after the path; leave them out';
  if (!pathname.startsWith('/') || pathname.endsWith('/')) return 'names no socket by an absolute path';
  if (pathname.includes('%')) return 'has a character in its path that a url does not take; give the socket a plainer path';
  return pathname.length > SOCKET_PATH_BYTES
    ? `is longer than ${SOCKET_PATH_BYTES} bytes, the most that a socket's path has`
    : undefined;
}

/** An entry of `instances`: one Redis, and all that is wanted for it. */
export const instance = z.strictObject({
  url: url(
    'Address of Redis: `rediss://` for TLS, `unix://` for a socket on the machine of whoever connects.',
    'redis://host:port, rediss://host:port or unix:///run/redis/redis.sock',
    ['redis:', 'rediss:', 'unix:'],
    refuseRedisUrl,
  ),
  username: text('ACL user. Absent: the default user.').optional(),
  password: secret('Password of the user.').optional(),
  tls: tls('TLS to Redis. Only with `rediss://`.'),
  commands: field(z.record(z.string().min(1), z.string().min(1)).optional(), {
    about:
      'What `rename-command` calls commands on this server. Not needed on its own machine, where redis.conf tells. Names that stand here are no secret any more.',
    allowed: 'a section of real name and new name, such as { CONFIG: hidden-config }',
  }),
  platform: section('What runs this Redis.', platform).prefault({ type: 'external' }),
  backup: section('When and how backups are taken.', backup).prefault({}),
  archive: section('The continuous log: every write, seconds old, in the repository. Absent: none is kept.', archive).optional(),
  retention: section(
    'Which backups are kept: those that any rule wants, and always the last good one. A backup with less than a tenth of the keys, or of a data class, never takes the place of an older one.',
    retention,
  ).prefault({}),
  policy: section(
    'Persistence settings that the server must have; `check` compares them, `check --apply` sets them.',
    policy,
  ).prefault({}),
  dataClasses: list('Data classes of this instance, instead of the common ones.', dataClass).optional(),
  applications: list('Applications that must reach Redis again after a restore.', application).default([]),
  recovery: section('How a recovery decides.', recovery).prefault({}),
  watch: section('Watches this Redis, and starts a recovery. Absent: only people start one.', watch).optional(),
});
