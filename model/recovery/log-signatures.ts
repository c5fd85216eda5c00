/** A line of Redis' own log that says what is wrong, or how it ended. */
export interface LogSign {
  id: SignatureId;
  /** As it was logged, without process id and time, cut to a length that people read. */
  line: string;
}

/** What may be another one since a start has failed, and let the next succeed. */
export type Mending = 'configuration' | 'program' | 'room' | 'port';

interface Signature {
  pattern: RegExp;
  /** A Redis that logs this before it is ready ends of it: what may have put that right since. Absent: it only explains. */
  fatal?: readonly Mending[];
  /** Only where it stands before "Ready to accept connections": later it speaks of a replication or a save. */
  atStart?: true;
}

/**
 * The phrases that Redis 6.2, 7.0 and 8.2 log, in the order of their weight: what stands first decides. A module that is missing or
 * a file that is too new must never be taken for damage, because damaged files are moved away.
 * @see redis 7.0.15 src/rdb.c, src/aof.c, src/config.c, src/server.c, src/acl.c, src/tls.c, src/module.c
 */
const SIGNATURES = {
  'module-type': {
    pattern: /contains (?:AUX )?module (?:AUX )?data I can't load/i,
    fatal: ['configuration', 'program'],
    atStart: true,
  },
  'module-command': {
    pattern: /Unknown command '\w+\.[^']*' reading the append only file/,
    fatal: ['configuration', 'program'],
    atStart: true,
  },
  'rdb-version': { pattern: /Can't handle RDB format version/, fatal: ['program'], atStart: true },
  'module-load': { pattern: /Can't load module from .*: server aborting/, fatal: ['configuration', 'program'], atStart: true },
  'dir-in-config': { pattern: /^>>> '\s*dir\b/, fatal: [], atStart: true },
  chdir: { pattern: /Can't chdir to/, fatal: [], atStart: true },
  'config-file': {
    pattern: /FATAL CONFIG FILE ERROR|Bad directive|Unresolved Configuration|Can't open the config file|can't open config file/i,
    fatal: ['configuration', 'program'],
    atStart: true,
  },
  'config-at': { pattern: /^Reading the configuration file, at line \d+/, atStart: true },
  'config-line': { pattern: /^>>> '/, atStart: true },
  acl: { pattern: /because of ACL errors|Error loading ACLs/, fatal: ['configuration', 'program'], atStart: true },
  tls: {
    pattern: /Failed to configure TLS|Failed finding TLS support|Failed to load certificate/,
    fatal: ['configuration', 'program'],
    atStart: true,
  },
  'cluster-config': { pattern: /corrupted cluster config file/, fatal: ['configuration', 'program'], atStart: true },
  databases: { pattern: /configured to handle more than \d+ databases/, fatal: ['configuration', 'program'], atStart: true },
  'address-in-use': { pattern: /bind: Address already in use/, fatal: ['port', 'configuration'], atStart: true },
  'no-space': { pattern: /No space left on device|Disk quota exceeded/, fatal: ['room'] },
  'no-access': {
    pattern:
      /(?:open|create|load|read|writ|stat|chdir|access|RDB|AOF|append|DB)\S*.*(?:Permission denied|Read-only file system|Input\/output error)/i,
    fatal: [],
    atStart: true,
  },
  'aof-manifest': {
    pattern:
      /Found an empty AOF manifest|Invalid AOF manifest|Maybe you created the AOF manifest|Found duplicate base file|Found a non-monotonic sequence/,
    fatal: [],
    atStart: true,
  },
  'aof-not-last': { pattern: /the truncated file is not the last file/, fatal: [], atStart: true },
  'aof-format': { pattern: /Bad file format reading the append only file/, fatal: [], atStart: true },
  'aof-end': { pattern: /Unexpected end of file reading the append only file/, fatal: [], atStart: true },
  'aof-command': {
    pattern: /Unknown command '[!-&(-~]+' reading the append only file/,
    fatal: ['configuration', 'program'],
    atStart: true,
  },
  // No name of any command: what stands there was something else once.
  'aof-garbage': { pattern: /Unknown command '[^']*' reading the append only file/, fatal: [], atStart: true },
  'aof-missing-file': { pattern: /Unable to obtain the AOF file .* length/, fatal: [], atStart: true },
  'aof-rdb-part': {
    pattern: /Error reading the RDB preamble of the (?:AOF|append only) file/i,
    fatal: [],
    atStart: true,
  },
  'rdb-signature': { pattern: /Wrong signature trying to load DB/, fatal: [], atStart: true },
  'rdb-short': { pattern: /Short read or OOM loading DB/, fatal: [], atStart: true },
  'rdb-checksum': { pattern: /Wrong RDB checksum|RDB CRC error/, fatal: [], atStart: true },
  'rdb-duplicate': { pattern: /RDB has duplicated key/, fatal: [], atStart: true },
  'rdb-internal': {
    pattern: /Internal error in RDB reading|Unknown RDB (?:string )?encoding type/,
    fatal: [],
    atStart: true,
  },
  'rdb-meditation': { pattern: /Guru Meditation: .*(?:RDB|rdb\.c|Duplicated key)/, fatal: [], atStart: true },
  'rdb-fatal': { pattern: /Fatal error loading the DB/, fatal: [], atStart: true },
  'own-memory': { pattern: /Out Of Memory allocating|aborting for OUT OF MEMORY/i, fatal: [] },
  'fork-failed': { pattern: /Can't (?:save|rewrite append only file) in background: fork/ },
  'save-failed': {
    pattern:
      /Background saving error|Error moving temp DB file|Failed opening the (?:temp )?RDB file|Write error (?:while )?saving DB/,
  },
  'aof-write': { pattern: /Error writing to the AOF file|Short write while writing to the AOF|AOF fsync is taking too long/ },
  crash: { pattern: /Guru Meditation|crashed by signal|ASSERTION FAILED/ },
  'aof-cut': { pattern: /Truncating the AOF|loaded anyway because aof-load-truncated/ },
  'in-sync': { pattern: /(\d+) of (\d+) replicas? (?:are|is) in sync/ },
  'asked-to-end': { pattern: /User requested shutdown|Received SIG(?:TERM|INT) scheduling shutdown/ },
  'log-loaded': { pattern: /DB loaded from append only file/ },
  'orderly-end': { pattern: /now ready to exit, bye bye/ },
} as const satisfies Record<string, Signature>;

export type SignatureId = keyof typeof SIGNATURES;
/** What a start may end of. Each belongs to a class of failure: recovery/failure-classes/. */
export type FatalId = { [Id in SignatureId]: (typeof SIGNATURES)[Id] extends { fatal: unknown } ? Id : never }[SignatureId];

export const signatureOf = (id: SignatureId): Signature => SIGNATURES[id];

/** One life of a process, as far as the log has it. */
export interface LogRun {
  pid?: number;
  /** It said that it accepts connections. */
  ready: boolean;
  /** It has begun to read its data. */
  loading: boolean;
  /** The heaviest first. */
  signs: LogSign[];
  /** The last line with a time, as the server's clock wrote it: `24 Nov 2026 17:09:02.685`, in its own time zone. */
  lastTime?: string;
}

const STAMP = /^(\d+):(?:signal-handler \(\d+\)|\S (\d{1,2} \w{3} (?:\d{4} )?[\d:.]+) [.*#-]) ?/;
const BEGIN = /oO0OoO0OoO0Oo|FATAL CONFIG FILE ERROR/;
/** On a socket it says `The server is now ready to accept connections at /run/redis.sock`, and nothing else without a port. */
const READY = /[Rr]eady to accept connections/;
const LOADING = /Loading RDB|Reading RDB|RDB memory usage|RDB age|Reading the remaining AOF/;
/** A child that saves logs as C, the server itself as M or S. */
const MAIN = /^(\d+):[MS] /;
const LAST_WORDS = 15;
const LONGEST_LINE = 240;

/**
 * The runs in a log, oldest first. What an earlier run complained of says nothing of this one, and logs are appended to.
 * @param lines - oldest first
 */
export function runsIn(lines: readonly string[]): LogRun[] {
  const begins = lines.flatMap((line, at) => (BEGIN.test(line) ? [bannerBegin(lines, at)] : []));
  const edges = [...new Set([0, ...begins])];
  const runs = edges.map((from, index) => ({ hasBegin: begins.includes(from), lines: lines.slice(from, edges[index + 1]) }));
  return runs.filter((run) => run.lines.length > 0).map(runOf);
}

/** Redis 8 may warn before its banner. */
function bannerBegin(lines: readonly string[], banner: number): number {
  const pid = /^(\d+):C /.exec(lines[banner] ?? '')?.[1];
  let at = banner;
  while (pid !== undefined && at > 0 && lines[at - 1]?.startsWith(`${pid}:C `)) at--;
  return at;
}

/** A run whose begin is no longer in the log, or was never logged (`loglevel warning`), has long been ready but for its last lines. */
function runOf({ lines, hasBegin }: { lines: readonly string[]; hasBegin: boolean }): LogRun {
  const readyAt = lines.findIndex((line) => READY.test(line));
  const start = readyAt >= 0 ? lines.slice(0, readyAt) : hasBegin ? lines : lines.slice(-LAST_WORDS);
  const signs = signsIn(lines, start);
  const pid = lines.map((line) => MAIN.exec(line)?.[1]).findLast((own) => own !== undefined);
  const lastTime = lines.map((line) => STAMP.exec(line)?.[2]).findLast((time) => time !== undefined);
  return {
    ...(pid === undefined ? {} : { pid: Number(pid) }),
    ready: readyAt >= 0 || (!hasBegin && !signs.some(({ id }) => signatureOf(id).atStart)),
    loading: lines.some((line) => LOADING.test(line)),
    signs,
    ...(lastTime === undefined ? {} : { lastTime }),
  };
}

function signsIn(lines: readonly string[], start: readonly string[]): LogSign[] {
  const signs: LogSign[] = [];
  for (const id of Object.keys(SIGNATURES) as SignatureId[]) {
    const { pattern, atStart } = signatureOf(id);
    const line = (atStart ? start : lines).findLast((one) => pattern.test(one.replace(STAMP, '')));
    if (line !== undefined) signs.push({ id, line: line.replace(STAMP, '').trim().slice(0, LONGEST_LINE) });
  }
  return signs;
}

const REPLICA =
  /\b(?:Replica (\S+:\d+) asks for synchronization|Synchronization with replica (\S+:\d+) succeeded|Partial resynchronization request from (\S+:\d+) accepted)/;

/** `host:port` of the replicas that a log names, whatever has become of them. An attached archiver or backup has no port there. */
export const replicasIn = (lines: readonly string[]): string[] => [
  ...new Set(lines.flatMap((line) => REPLICA.exec(line)?.slice(1).filter(Boolean) ?? [])),
];

export const signOf = (run: LogRun | undefined, id: SignatureId): LogSign | undefined =>
  run?.signs.find((sign) => sign.id === id);

export interface FatalSign {
  id: FatalId;
  line: string;
  mendedBy: readonly Mending[];
}

/** What a Redis has ended of before it was ready; undefined when its log says nothing that we know. */
export function fatalSign(run: LogRun | undefined): FatalSign | undefined {
  for (const { id, line } of run?.signs ?? []) {
    const { fatal } = signatureOf(id);
    if (fatal) return { id: id as FatalId, line, mendedBy: fatal };
  }
  return undefined;
}

export const FATAL_IDS = (Object.keys(SIGNATURES) as SignatureId[]).filter(
  (id): id is FatalId => signatureOf(id).fatal !== undefined,
);

/** It ended in order, with every replica in step. Whether the archiver was one of them, others must say. */
export const endedDrained = (run: LogRun | undefined): boolean =>
  signOf(run, 'orderly-end') !== undefined && replicasInStep(run) > 0;

/** How many had everything when it ended; 0 if not all had. */
export function replicasInStep(run: LogRun | undefined): number {
  const sync = /(\d+) of (\d+) replicas?/.exec(signOf(run, 'in-sync')?.line ?? '');
  return sync !== null && sync[1] === sync[2] ? Number(sync[1]) : 0;
}
