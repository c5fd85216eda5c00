import { FAILURE_CLASSES, type FailureClass } from '../../model/recovery/failure-classes.ts';

/** What a recovery does about each kind of failure, for docs/recovery.md. Absent: nothing of that sort. */
export const FAILURE_ADVICE: Readonly<Record<FailureClass, { byItself?: string; asked?: string; you?: string }>> = {
  healthy: { you: 'Nothing; what is missing of the data is counted all the same.' },
  dead: { byItself: 'Starts it, once in `restartEvery`.' },
  'oom-killed': { byItself: 'Starts it, once in `restartEvery`.', you: 'Raise the memory limit, or lower maxmemory.' },
  loading: { byItself: 'Waits; a restart would begin the load anew.' },
  'rdb-damaged': { byItself: 'Sets the files aside and starts empty, as `onDamage` says.' },
  'aof-damaged': {
    byItself:
      'Cuts a damaged end off, on a copy that a throw-away Redis loads first, keeps the original, and starts Redis. Damaged in the middle: asks whether what stands before it is served, or sets the files aside and starts empty, as `onDamage` says.',
    you: 'Damaged in the middle: what stands behind the damage is kept and not served. Started empty: `redis-backup import PATH --up-to-damage` of what was kept.',
  },
  'aof-manifest-lost': {
    byItself: 'Copies the directory, makes the manifest again and restarts.',
    asked: 'The same, if it has taken keys since; a snapshot of them is taken first.',
  },
  'data-aside': {
    byItself: 'Puts the data back and starts Redis. Waits for an operation that is still at work.',
    asked: 'The same, if it has taken keys since; a snapshot of them is taken first.',
  },
  'newer-ignored': {
    byItself: 'Keeps a copy of all its data files; where all data can be made again, starts it.',
    asked: 'Starts it with the older data.',
    you: 'Set `appendonly` in redis.conf as it was in Redis, and recover; or `redis-backup import` the copy, and `restore`.',
  },
  'rdb-ignored': {
    byItself: 'Keeps a copy of dump.rdb.',
    you: 'Do not restart; `redis-backup import` the copy, and `restore`.',
  },
  'data-too-new': { you: 'Start the version that wrote the data; the data is good.' },
  'module-missing': { you: 'Install and load the module; the data is good.' },
  'log-refused': { you: 'Remove the `rename-command` line that its page names, then start it; the data is good.' },
  'bad-configuration': { you: 'Correct what its log names.' },
  'directory-unusable': { you: 'Mount the directory, or give the right to write in it.' },
  'disk-full': { you: 'Make room; do not restart: a start writes, too.' },
  'save-failing': { you: 'Mend what the log says of the failed save, then BGSAVE.' },
  'memory-full': { you: 'Raise maxmemory, delete keys, or choose a policy that evicts.' },
  empty: { you: 'Find out who emptied it; `redis-backup find-destructive`, `restore --plan`.' },
  'script-busy': { asked: 'Ends the script, unless it has written.' },
  'clients-full': { you: 'Find who holds the connections, or raise maxclients.' },
  'password-refused': { you: 'Correct user or password of the instance.' },
  'read-only': {
    asked: 'Makes it a primary, if the one that it follows does not serve.',
    you: 'Point everything at its primary, if that is alive.',
  },
  silent: { asked: 'Restarts it; by kill -9 after another question.' },
  'cut-off': { you: 'Look at the network of the worker; Redis is not touched.' },
  'wrong-endpoint': {
    you: 'Find out what answers there. Another Redis in its place is left alone, and does not count as serving.',
  },
  'cannot-start': { byItself: 'Starts it, once in `restartEvery`.', you: 'Read its log.' },
  unknown: { you: 'Read what was seen: it is on the page.' },
};

const NONE = '–';

/** The table of docs/recovery.md, from the table of failures. */
export function failureTable(): string {
  const rows = Object.entries(FAILURE_CLASSES).map(([name, { title, restartHelps }]) => {
    const { byItself = NONE, asked = NONE, you = NONE } = FAILURE_ADVICE[name as FailureClass];
    return `| \`${name}\` | ${title} | ${restartHelps ? 'yes' : 'no'} | ${byItself} | ${asked} | ${you} |`;
  });
  return [
    '| class | what it is | a restart helps | done by itself | asked first | what is left to you |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}
