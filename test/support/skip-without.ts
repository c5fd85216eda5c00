/** What a test may need that not every machine has; nothing else is a reason to skip one. */
export type Part =
  | 'redis-6.2'
  | 'redis-8.0'
  | 'redis-8.2'
  | 'valkey-8.1'
  | 'redis-check-aof'
  | 'linux'
  | 'root'
  /** A user of the system who is in groups beside their own. */
  | 'user-with-groups'
  /** May mount a file system. */
  | 'mount'
  /** A second file system, at /dev/shm. */
  | 'shm'
  /** Control groups of version 1, writable. */
  | 'cgroup-v1';

/**
 * Skips a test, or all of a suite from within its `before`, because the machine lacks a part. With `DISALLOW_SKIP=1` that is a
 * failure, unless `LACKS` (parts, separated by commas) says that the machine does: who runs the tests knows that, not the test.
 */
export function skipWithout(part: Part, context: Mocha.Context): never {
  const known = (process.env.LACKS ?? '').split(',');
  if (process.env.DISALLOW_SKIP === '1' && !known.includes(part))
    throw new Error(`skipped for want of ${part}, which LACKS does not name`);
  return context.skip();
}
