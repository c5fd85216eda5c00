import type { FailureClass } from './failure-classes.ts';

/** A line of Redis' own log that says what is wrong, or how it ended. */
export interface LogSign {
  id: SignatureId;
  /** As it was logged, without process id and time, cut to a length that people read. */
  line: string;
}

interface Signature {
  pattern: RegExp;
  /** What a Redis has that ended with this line before it was ready. Absent: it only explains. */
  failure?: FailureClass;
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
    failure: 'module-missing',
    atStart: true,
  },
  'module-command': {
    pattern: /Unknown command '\w+\.[^']*' reading the append only file/,
    failure: 'module-missing',
    atStart: true,
  },
  'rdb-version': { pattern: /Can't handle RDB format version/, failure: 'data-too-new', atStart: true },
  'module-load': { pattern: /Can't load module from .*: server aborting/, failure: 'bad-configuration', atStart: true },
  'dir-in-config': { pattern: /^>>> '\s*dir\b/, failure: 'directory-unusable', atStart: true },
  chdir: { pattern: /Can't chdir to/, failure: 'directory-unusable', atStart: true },
  'config-file': {
    pattern: /FATAL CONFIG FILE ERROR|Bad directive|Unresolved Configuration|Can't open the config file|can't open config file/i,
    failure: 'bad-configuration',
    atStart: true,
  },
  'config-at': { pattern: /^Reading the configuration file, at line \d+/, atStart: true },
  'config-line': { pattern: /^>>> '/, atStart: true },
  acl: { pattern: /because of ACL errors|Error loading ACLs/, failure: 'bad-configuration', atStart: true },
  tls: {
    pattern: /Failed to configure TLS|Failed finding TLS support|Failed to load certificate/,
    failure: 'bad-configuration',
    atStart: true,
  },
  'cluster-config': { pattern: /corrupted cluster config file/, failure: 'bad-configuration', atStart: true },
  databases: { pattern: /configured to handle more than \d+ databases/, failure: 'bad-configuration', atStart: true },
  'address-in-use': { pattern: /bind: Address already in use/, failure: 'wrong-endpoint', atStart: true },
  'no-space': { pattern: /No space left on device|Disk quota exceeded/, failure: 'disk-full' },
  'no-access': {
    pattern:
      /(?:open|create|load|read|writ|stat|chdir|access|RDB|AOF|append|DB)\S*.*(?:Permission denied|Read-only file system|Input\/output error)/i,
    failure: 'directory-unusable',
    atStart: true,
  },
  'aof-manifest': {
    pattern:
      /Found an empty AOF manifest|Invalid AOF manifest|Maybe you created the AOF manifest|Found duplicate base file|Found a non-monotonic sequence/,
    failure: 'aof-manifest-lost',
    atStart: true,
  },
  'aof-not-last': { pattern: /the truncated file is not the last file/, failure: 'aof-damaged', atStart: true },
  'aof-format': { pattern: /Bad file format reading the append only file/, failure: 'aof-damaged', atStart: true },
  'aof-end': { pattern: /Unexpected end of file reading the append only file/, failure: 'aof-damaged', atStart: true },
  'aof-command': { pattern: /Unknown command '[!-&(-~]+' reading the append only file/, failure: 'log-refused', atStart: true },
  // No name of any command: what stands there was something else once.
  'aof-garbage': { pattern: /Unknown command '[^']*' reading the append only file/, failure: 'aof-damaged', atStart: true },
  'aof-missing-file': { pattern: /Unable to obtain the AOF file .* length/, failure: 'aof-damaged', atStart: true },
  'aof-rdb-part': {
    pattern: /Error reading the RDB preamble of the (?:AOF|append only) file/i,
    failure: 'aof-damaged',
    atStart: true,
  },
  'rdb-signature': { pattern: /Wrong signature trying to load DB/, failure: 'rdb-damaged', atStart: true },
  'rdb-short': { pattern: /Short read or OOM loading DB/, failure: 'rdb-damaged', atStart: true },
  'rdb-checksum': { pattern: /Wrong RDB checksum|RDB CRC error/, failure: 'rdb-damaged', atStart: true },
  'rdb-duplicate': { pattern: /RDB has duplicated key/, failure: 'rdb-damaged', atStart: true },
  'rdb-internal': {
    pattern: /Internal error in RDB reading|Unknown RDB (?:string )?encoding type/,
    failure: 'rdb-damaged',
    atStart: true,
  },
  'rdb-meditation': { pattern: /Guru Meditation: .*(?:RDB|rdb\.c|Duplicated key)/, failure: 'rdb-damaged', atStart: true },
  'rdb-fatal': { pattern: /Fatal error loading the DB/, failure: 'rdb-damaged', atStart: true },
  'own-memory': { pattern: /Out Of Memory allocating|aborting for OUT OF MEMORY/i, failure: 'oom-killed' },
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
  'orderly-end': { pattern: /now ready to exit, bye bye/ },
} as const satisfies Record<string, Signature>;

export type SignatureId = keyof typeof SIGNATURES;

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
const READY = /Ready to accept connections/;
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

export const signOf = (run: LogRun | undefined, id: SignatureId): LogSign | undefined =>
  run?.signs.find((sign) => sign.id === id);

/** What decides the class of a Redis that ended before it was ready; undefined when its log says nothing that we know. */
export function fatalSign(run: LogRun | undefined): (LogSign & { failure: FailureClass }) | undefined {
  for (const sign of run?.signs ?? []) {
    const { failure } = signatureOf(sign.id);
    if (failure !== undefined) return { ...sign, failure };
  }
  return undefined;
}

/** It ended in order, with every replica in step: the continuous log has all that was acknowledged. */
export function endedDrained(run: LogRun | undefined): boolean {
  const sync = /(\d+) of (\d+) replicas?/.exec(signOf(run, 'in-sync')?.line ?? '');
  return signOf(run, 'orderly-end') !== undefined && sync !== null && sync[1] === sync[2] && sync[1] !== '0';
}
