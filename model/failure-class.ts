/**
 * What can be wrong with a Redis, as a closed list: each with what a person reads, and whether a restart helps it. A restart that
 * doesn't help destroys: evidence at the second start, unsaved data, the connections that still work.
 */
export const FAILURE_CLASSES = {
  healthy: { title: 'Redis serves', restartHelps: false },
  dead: { title: 'Redis is not running', restartHelps: true },
  'oom-killed': { title: 'the kernel killed Redis because its memory limit was reached', restartHelps: true },
  loading: { title: 'Redis is loading its data', restartHelps: false },
  'rdb-damaged': { title: 'Redis cannot load its damaged RDB', restartHelps: false },
  'aof-damaged': { title: 'Redis cannot load its damaged append-only log', restartHelps: false },
  'aof-manifest-lost': { title: 'the manifest of the append-only directory is gone, its files are ignored', restartHelps: false },
  'rdb-ignored': {
    title: 'Redis started empty: it loads only its append-only directory, and there is only a dump.rdb',
    restartHelps: false,
  },
  'data-too-new': { title: 'the data was written by a newer Redis than this one', restartHelps: false },
  'module-missing': { title: 'the data needs a module that this Redis does not have', restartHelps: false },
  'bad-configuration': { title: 'Redis refuses its configuration', restartHelps: false },
  'directory-unusable': { title: 'Redis cannot use its data directory', restartHelps: false },
  'disk-full': { title: 'the disk is full, Redis refuses writes', restartHelps: false },
  'save-failing': { title: 'Redis cannot save, and refuses writes', restartHelps: false },
  'memory-full': { title: 'Redis is full by its own limit (noeviction), and refuses writes', restartHelps: false },
  empty: { title: 'Redis came back empty', restartHelps: false },
  'script-busy': { title: 'a script or function that never ends blocks Redis', restartHelps: false },
  'clients-full': { title: 'Redis takes no more connections (maxclients)', restartHelps: false },
  'password-refused': { title: 'Redis refuses the password that we have', restartHelps: false },
  'read-only': { title: 'Redis is a replica and refuses writes', restartHelps: false },
  silent: { title: 'Redis runs and does not answer', restartHelps: false },
  'cut-off': { title: 'only this worker cannot reach Redis; applications can', restartHelps: false },
  'wrong-endpoint': { title: 'something else than this Redis answers at its address', restartHelps: false },
  'cannot-start': { title: 'Redis ends while it starts, for a reason that is not known here', restartHelps: true },
  unknown: { title: 'what is wrong cannot be told from here', restartHelps: false },
} as const satisfies Record<string, { title: string; restartHelps: boolean }>;

export type FailureClass = keyof typeof FAILURE_CLASSES;

/** Classes that only a restart can lead to: the process that answers is younger than the failure. */
export const restartedBy = (failure: FailureClass): boolean => failure === 'empty' || failure === 'rdb-ignored';

/** The files are whole and only not loaded, so what is kept aside is a copy. */
export const staysInUse = (failure: FailureClass): boolean => failure === 'aof-manifest-lost' || failure === 'rdb-ignored';

const OF_A_LIVING: readonly FailureClass[] = [
  'disk-full',
  'save-failing',
  'memory-full',
  'script-busy',
  'clients-full',
  'password-refused',
  'read-only',
  'silent',
  'cut-off',
];

/** Classes of a process that lives and keeps its data: where the same one serves again, it has lived through the failure. */
export const livedThrough = (failure: FailureClass): boolean => OF_A_LIVING.includes(failure);
