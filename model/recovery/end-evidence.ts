import { formatBytes, formatCountOf } from '../format.ts';
import { unknownCommandIn } from '../restore/load-log.ts';
import type { FailureClass } from './failure-classes.ts';
import { type Found, found, logged } from './found.ts';
import { ownedOf, unfinishedOf, unfinishedText } from './left-behind.ts';
import { damageText, isCutByRedis } from './log-damage.ts';
import { fatalSign, type LogRun, signOf } from './log-signatures.ts';
import { newerIgnored } from './newer-ignored.ts';
import type { DataSigns, PlaceSigns } from './observations.ts';

const DAMAGED_RDB = 'Its RDB does not match its checksum: something in it is damaged, and Redis refuses it.';

/** Less than this is full: Redis needs room for the next part of its log, and a save needs as much as the data. */
export const DISK_FULL_BYTES = 1 << 20;

/** The class of a Redis whose process is not there, or ends again and again, seen from its machine. */
export function failureOfEnd(seen: PlaceSigns, nowMs: number): Found {
  const place = atItsEnd(seen);
  const { run, data } = place;
  const gone = place.server.crashLoop
    ? `${place.description} ends again and again.`
    : `No process of ${place.description} is there.`;
  const moved = movedAway(data, nowMs);
  if (moved) return { ...moved, evidence: [...moved.evidence, gone] };
  const fatal = fatalOf(place);
  const mended = mendedSince(place);
  if (fatal && mended) return found('dead', [mended, logged(fatal.line), gone, ...whatItWillLoad(data)]);
  if (fatal) return failureOfStart(place, fatal, gone);
  if (data?.unusable)
    return found('directory-unusable', [`${data.dir}: ${data.unusable}.`, gone], [ADVICE['directory-unusable']]);
  const lost = lostManifest(data);
  if (lost) return found('aof-manifest-lost', [lost, gone]);
  const newer = data && newerIgnored(data);
  if (newer) return found('newer-ignored', [newer.text, gone, endOf(place), oomDoubt(place)], [takeOver(newer.ignored)]);
  const broken = damageBeforeStart(data);
  if (broken) return found('aof-damaged', [broken, gone, endOf(place)]);
  if (data?.rdb?.damaged) return found('rdb-damaged', [DAMAGED_RDB, gone, endOf(place)]);
  const refused = unstartableText(place);
  const correct = refused ? [CORRECT_IT] : [];
  const memory = outOfMemory(place);
  if (memory) return found('oom-killed', [memory, gone, refused], [ADVICE['oom-killed'], ...correct]);
  if (endedWhileStarting(place))
    return found('cannot-start', [gone, endOf(place), lastWords(run), refused], [ADVICE['cannot-start'], ...correct]);
  return found('dead', [refused, gone, endOf(place), oomDoubt(place), ...whatItWillLoad(data)], correct);
}

/** The data lies beside its place: no start finds it, and whatever else is seen follows from that. */
export function movedAway(data: DataSigns | undefined, nowMs: number): Found | undefined {
  const owned = ownedOf(data?.leftBehind);
  if (owned?.unfinished) {
    const under = `${owned.owner} has moved the data away, and is still at work: it finishes, or puts it back.`;
    return found('data-aside', [under], [`Wait for ${owned.owner}; nothing is started beside it.`]);
  }
  const unfinished = unfinishedOf(data?.leftBehind);
  if (unfinished.length === 0) return undefined;
  return found(
    'data-aside',
    unfinished.map((one) => unfinishedText(one, nowMs)),
  );
}

const fatalOf = ({ run }: PlaceSigns) => (run && !run.ready ? fatalSign(run) : undefined);

/**
 * Why the reason for which the last start failed may be gone: then it is started again, and loads what it has. Only where a start
 * that fails once more changes no data.
 */
export function mendedSince(seen: PlaceSigns): string | undefined {
  const place = atItsEnd(seen);
  const { files, end, data, server, local } = place;
  const fatal = fatalOf(place);
  if (!fatal || server.running !== false || server.crashLoop) return undefined;
  const endedAt = end?.at ?? files?.loggedAt;
  const isNewer = (at: string | undefined) => at !== undefined && endedAt !== undefined && Date.parse(at) > Date.parse(endedAt);
  const config = isNewer(files?.configChangedAt) && 'Its configuration was changed since its last start failed.';
  const program = isNewer(files?.binaryChangedAt) && 'Its program was replaced since its last start failed.';
  const room =
    (data?.freeBytes ?? 0) >= DISK_FULL_BYTES && `There is room on its disk again: ${formatBytes(data?.freeBytes ?? 0)}.`;
  const port = local === undefined && 'Nothing listens on its port any more.';
  const reasons: Partial<Record<FailureClass, string | false>> = {
    'bad-configuration': config || program,
    'module-missing': config || program,
    'log-refused': config || program,
    'data-too-new': program,
    'disk-full': room,
    'wrong-endpoint': port || config,
  };
  return reasons[fatal.failure] || undefined;
}

/** A start of its own redis.conf beside it has failed. It is started all the same: the worker may see less than Redis does. */
export function unstartableText({ server, nextStart }: PlaceSigns): string | undefined {
  if (server.running !== false || nextStart?.outcome !== 'fails') return undefined;
  return `Its own redis.conf, started beside it, is refused by Redis: ${nextStart.lastLines}`;
}

/** Of one that is just being brought up again, the run before says why it ended. */
function atItsEnd(place: PlaceSigns): PlaceSigns {
  const { server, run, earlierRun } = place;
  const isOnItsWay = server.crashLoop && earlierRun !== undefined && !earlierRun.ready && fatalSign(run) === undefined;
  return isOnItsWay ? { ...place, run: earlierRun } : place;
}

/** For the one that decides, and for the next time. */
const takeOver = (ignored: 'log' | 'rdb'): string =>
  `Its newest data was not loaded and is kept: \`redis-backup import PATH\` makes a backup of it, which \`restore\` brings back. Set appendonly ${ignored === 'log' ? 'yes' : 'no'} in redis.conf, or as it shall be both there and in Redis (CONFIG REWRITE).`;

const CORRECT_IT = 'Correct what Redis complains of in its configuration, then start it: its data is not touched.';

const ADVICE = {
  'oom-killed':
    'Raise the memory limit of machine or container, or lower maxmemory: else it is killed again. Room for a fork is about the memory that is written during a save.',
  'cannot-start': 'Read the log of Redis; a second failed start changes nothing for the better.',
  'directory-unusable': 'Mount the data directory, or give the user that Redis runs as the right to write in it; then start it.',
  'module-missing':
    'Install the module that the data needs, and load it (loadmodule) before Redis is started; the data itself is good.',
  'log-refused':
    'Let this Redis have the command again, then start it: its data is good and is not touched. Who wants to be served before that starts it elsewhere, empty, and brings back what a backup has.',
  'data-too-new':
    'Start the version of Redis that wrote the data, or a newer one; the data itself is good. What changed is the program.',
  'bad-configuration': 'Correct the configuration as its log says: a restart alone fails in the same way.',
  'disk-full': 'Make room on its disk, then start it; it cannot start without writing.',
  'wrong-endpoint': 'Find what else listens on that port, and end it or give it another one; then start Redis.',
} as const;

function failureOfStart(place: PlaceSigns, fatal: NonNullable<ReturnType<typeof fatalSign>>, gone: string): Found {
  const { data, run } = place;
  const damaged = fatal.failure === 'rdb-damaged' && data?.appendonly && (data.aof?.files ?? 0) > 0;
  const failure = damaged ? 'aof-damaged' : fatal.failure;
  const where = (['config-at', 'config-line'] as const).flatMap((id) => signOf(run, id)?.line ?? []);
  const advice = failure in ADVICE ? [withWhere(ADVICE[failure as keyof typeof ADVICE], where)] : [];
  const others = run?.signs.filter(({ id }) => id !== fatal.id).slice(0, 2) ?? [];
  const isSecond = place.server.crashLoop && signOf(place.earlierRun, 'aof-not-last') !== undefined;
  return found(
    failure,
    [
      logged(fatal.line),
      gone,
      failure === 'log-refused' && disabledText(place, fatal.line),
      failure === 'aof-damaged' && damageOf(data),
      damaged && 'It runs with appendonly yes, so the RDB that it speaks of is the base of its log.',
      isSecond && 'An earlier start has already cut a file of its log: what it loads now has a hole.',
      ...others.map(({ line }) => logged(line)),
      endOf(place),
    ],
    advice,
  );
}

/** Where it is not the configuration, it is what wrote the log, or a damage that made one name of another. */
function disabledText({ disabledBy }: PlaceSigns, line: string): string {
  const command = unknownCommandIn([line]) ?? '';
  return disabledBy === undefined
    ? `Its redis.conf does not disable ${command}: the log was written by a newer Redis, by one with a module or with other rename-command lines; a name that nobody knows may be a damage.`
    : `${command} is disabled or renamed by ${disabledBy} (rename-command).`;
}

const withWhere = (advice: string, where: readonly string[]): string =>
  where.length > 0 ? `${advice.replace(/\.$/, '')} (${where.join(': ')}).` : advice;

/** Seen before Redis is started, which would refuse it. What it cuts off by itself is left to it. */
function damageBeforeStart(data: DataSigns | undefined): string | undefined {
  const damage = data?.aof?.damage;
  return damage && !isCutByRedis(damage) ? damageOf(data) : undefined;
}

function damageOf(data: DataSigns | undefined): string | undefined {
  const damage = data?.aof?.damage;
  if (!damage) return undefined;
  return damage.unmendable === undefined
    ? damageText(damage)
    : `${damageText(damage)} It cannot be cut off: ${damage.unmendable}.`;
}

/** Files that Redis would not load, and would write over. */
function lostManifest(data: DataSigns | undefined): string | undefined {
  const aof = data?.appendonly ? data.aof : undefined;
  if (aof?.form !== 'multi-part' || aof.manifest === 'present' || aof.bytes === 0) return undefined;
  const what = aof.manifest === 'missing' ? 'has no manifest' : 'has a manifest that cannot be used';
  return `Its append-only directory ${what}, and ${formatCountOf(aof.files, 'file')} with ${formatBytes(aof.bytes)}: a start would come up empty and write over them.`;
}

function outOfMemory({ end, run }: PlaceSigns): string | undefined {
  if (end?.oom === 'yes') return `The kernel killed it for memory: ${end.oomWhy}.`;
  const own = signOf(run, 'own-memory');
  return own && `It got no memory: ${own.line}`;
}

const oomDoubt = ({ end }: PlaceSigns): string | undefined =>
  end?.oom === 'possible' ? `The kernel may have killed it for memory: ${end.oomWhy}.` : undefined;

/** Not if somebody ended it on the way: that says nothing against the next start. */
function endedWhileStarting({ run, end, server }: PlaceSigns): boolean {
  if (server.crashLoop) return true;
  if (!run || run.ready) return false;
  if (signOf(run, 'asked-to-end') || end?.signal === 'SIGKILL' || end?.signal === 'SIGTERM') return false;
  return end?.code !== undefined || end?.signal !== undefined || signOf(run, 'crash') !== undefined;
}

function endOf({ end, run }: PlaceSigns): string | undefined {
  const crash = signOf(run, 'crash');
  if (crash) return `It crashed: ${crash.line}`;
  const at = end?.at ? ` at ${end.at}` : '';
  if (signOf(run, 'orderly-end')) return `It was ended in order${at}, by SIGTERM or SHUTDOWN: somebody or something stopped it.`;
  if (end?.signal) return `It was ended by ${end.signal}${at}.`;
  if (end?.code !== undefined) return `It ended with exit code ${end.code}${at}.`;
  if (!run || fatalSign(run)) return undefined; // what it ended for stands in its log
  return run.ready
    ? 'Its log ends without a word: it was killed (SIGKILL), or the machine went down.'
    : 'Its log ends while it was starting, and does not say why: it ended by itself, or was killed.';
}

const lastWords = (run: LogRun | undefined): string | undefined => logged(run?.signs[0]?.line);

function whatItWillLoad(data: DataSigns | undefined): (string | undefined | false)[] {
  if (!data) return [];
  if (startsEmpty(data))
    return [
      ignoresRdb(data)
        ? `It would come up empty: it runs with appendonly yes and has only a dump.rdb.`
        : 'It would come up empty: it has no data files.',
    ];
  const aof = data.appendonly ? data.aof : undefined;
  const cut = aof?.damage && `${damageText(aof.damage)} Redis cuts that off as it starts.`;
  const isUnread = aof ? (aof.unread ?? aof.baseUnread) : data.rdb?.unread;
  return [
    cut,
    isUnread && 'It is too large to be read before: whether it is whole shows as Redis loads it.',
    aof
      ? `It will load its append-only log, ${formatBytes(aof.bytes)}.`
      : data.rdb && `It will load ${formatBytes(data.rdb.bytes)} of RDB, saved at ${data.rdb.modifiedAt}.`,
  ];
}

/** Nothing would be loaded at the next start. */
export function startsEmpty({ appendonly, aof, rdb }: DataSigns): boolean {
  return appendonly ? !aof || aof.files === 0 || aof.manifest !== 'present' : rdb === undefined;
}

export const ignoresRdb = (data: DataSigns): boolean => data.appendonly && startsEmpty(data) && data.rdb !== undefined;
