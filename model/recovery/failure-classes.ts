interface FailureTraits {
  /** What a person reads. */
  title: string;
  /** One that doesn't help destroys: evidence at the second start, unsaved data, the connections that still work. */
  restartHelps: boolean;
  /**
   * The process that answers. `lives`: the same as before, with its data. `restarted`: younger than the failure, because only a
   * restart can lead to it. `either`: the class does not tell.
   */
  process: 'lives' | 'restarted' | 'either';
  /**
   * `kept`: it stays where it is, on the disk or in a Redis that lives. `unread`: its files are whole and only not loaded.
   * `at-risk`: some of it is lost, or may be.
   */
  data: 'kept' | 'unread' | 'at-risk';
}

/**
 * What can be wrong with a Redis, as a closed list. What depends on the class alone is a column here, so that no class can be
 * forgotten.
 */
export const FAILURE_CLASSES = {
  healthy: { title: 'Redis serves', restartHelps: false, process: 'either', data: 'kept' },
  dead: { title: 'Redis is not running', restartHelps: true, process: 'either', data: 'at-risk' },
  'oom-killed': {
    title: 'the kernel killed Redis because its memory limit was reached',
    restartHelps: true,
    process: 'either',
    data: 'at-risk',
  },
  loading: { title: 'Redis is loading its data', restartHelps: false, process: 'either', data: 'kept' },
  'rdb-damaged': { title: 'Redis cannot load its damaged RDB', restartHelps: false, process: 'either', data: 'at-risk' },
  'aof-damaged': {
    title: 'Redis cannot load its damaged append-only log',
    restartHelps: false,
    process: 'either',
    data: 'at-risk',
  },
  'aof-manifest-lost': {
    title: 'the manifest of the append-only directory is gone, its files are ignored',
    restartHelps: false,
    process: 'either',
    data: 'unread',
  },
  'data-aside': {
    title: 'an operation that was cut off has moved the data of Redis away',
    restartHelps: false,
    process: 'either',
    data: 'unread',
  },
  'newer-ignored': {
    title: 'Redis is not running, and its next start would not load its newest data: appendonly was switched while it ran',
    restartHelps: false,
    process: 'either',
    data: 'unread',
  },
  'rdb-ignored': {
    title: 'Redis started empty: it loads only its append-only directory, and there is only a dump.rdb',
    restartHelps: false,
    process: 'restarted',
    data: 'unread',
  },
  'data-too-new': {
    title: 'the data was written by a newer Redis than this one',
    restartHelps: false,
    process: 'either',
    data: 'kept',
  },
  'module-missing': {
    title: 'the data needs a module that this Redis does not have',
    restartHelps: false,
    process: 'either',
    data: 'kept',
  },
  'log-refused': {
    title: 'its append-only log has a command that this Redis does not have',
    restartHelps: false,
    process: 'either',
    data: 'kept',
  },
  'bad-configuration': { title: 'Redis refuses its configuration', restartHelps: false, process: 'either', data: 'kept' },
  'directory-unusable': { title: 'Redis cannot use its data directory', restartHelps: false, process: 'either', data: 'kept' },
  'disk-full': { title: 'the disk is full, Redis refuses writes', restartHelps: false, process: 'lives', data: 'kept' },
  'save-failing': { title: 'Redis cannot save, and refuses writes', restartHelps: false, process: 'lives', data: 'kept' },
  'memory-full': {
    title: 'Redis is full by its own limit (noeviction), and refuses writes',
    restartHelps: false,
    process: 'lives',
    data: 'kept',
  },
  empty: { title: 'Redis came back empty', restartHelps: false, process: 'restarted', data: 'at-risk' },
  'script-busy': {
    title: 'a script or function that never ends blocks Redis',
    restartHelps: false,
    process: 'lives',
    data: 'kept',
  },
  'clients-full': { title: 'Redis takes no more connections (maxclients)', restartHelps: false, process: 'lives', data: 'kept' },
  'password-refused': { title: 'Redis refuses the password that we have', restartHelps: false, process: 'lives', data: 'kept' },
  'read-only': { title: 'Redis is a replica and refuses writes', restartHelps: false, process: 'lives', data: 'kept' },
  silent: { title: 'Redis runs and does not answer', restartHelps: false, process: 'lives', data: 'at-risk' },
  'cut-off': {
    title: 'only this worker cannot reach Redis; applications can',
    restartHelps: false,
    process: 'lives',
    data: 'kept',
  },
  'wrong-endpoint': {
    title: 'something else than this Redis answers at its address',
    restartHelps: false,
    process: 'either',
    data: 'kept',
  },
  'cannot-start': {
    title: 'Redis ends while it starts, for a reason that is not known here',
    restartHelps: true,
    process: 'either',
    data: 'at-risk',
  },
  unknown: { title: 'what is wrong cannot be told from here', restartHelps: false, process: 'either', data: 'kept' },
} as const satisfies Record<string, FailureTraits>;

export type FailureClass = keyof typeof FAILURE_CLASSES;

/** Classes that only a restart can lead to: the process that answers is younger than the failure. */
export const restartedBy = (failure: FailureClass): boolean => FAILURE_CLASSES[failure].process === 'restarted';

/** Classes of a process that lives and keeps its data: where the same one serves again, it has lived through the failure. */
export const livedThrough = (failure: FailureClass): boolean => FAILURE_CLASSES[failure].process === 'lives';

/** The failure itself takes no data away; whether Redis has any is for Redis to say. */
export const keepsData = (failure: FailureClass): boolean => FAILURE_CLASSES[failure].data === 'kept';

/** The files are whole and only not loaded, so what is kept aside is a copy. */
export const staysInUse = (failure: FailureClass): boolean => FAILURE_CLASSES[failure].data === 'unread';
