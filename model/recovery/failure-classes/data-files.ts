import { formatBytes, formatCountOf } from '../../format.ts';
import { cameUpEmpty, dataElsewhere, ignoredLog, ignoredRdb, restartedSinceBackup, servingPrimary } from '../emptiness.ts';
import { type Evidence, failedStart, gone, howItEnded, memoryDoubt, withPlace } from '../evidence.ts';
import { ownedOf, unfinishedOf, unfinishedText } from '../left-behind.ts';
import { cutText, damageText, isCutByRedis } from '../log-damage.ts';
import { mayBeLost } from '../may-be-lost.ts';
import { newerIgnored } from '../newer-ignored.ts';
import type { DataObservations } from '../observations.ts';
import { planDamaged, planDamagedLog } from '../plan-damaged-log.ts';
import { planOlder, planPutBack, planRebuild } from '../plan-files.ts';
import { planSetAside } from '../plan-start.ts';
import type { Situation } from '../situation.ts';
import { alreadyLost, fromStored, lossOfKept } from '../worst-loss.ts';
import {
  CONNECTIONS_REFUSED,
  type FailureClassRow,
  noAdvice,
  nothingIsDone,
  onItsMachine,
  sinceItsEnd,
  sinceItsStart,
} from './row.ts';

/** What is wrong with the files of a Redis, or became of them. */
export const DATA_FILES = {
  'data-aside': {
    title: 'an operation that was cut off has moved the data of Redis away',
    clients: 'The data is missing: connections are refused, or answered from a Redis without it.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: true,
    advisedAfterwards: false,
    diagnose: movedAway,
    advice: ({ seen }) => {
      const owned = ownedOf(seen.platform?.data?.leftBehind);
      return owned?.unfinished ? [`Wait for ${owned.owner}; nothing is started beside it.`] : [];
    },
    since: sinceItsEnd,
    worstLoss: () => 'Nothing that was on its disk when that was moved away, once it is put back.',
    actions: onItsMachine(planPutBack),
    byItself: 'Puts the data back and starts Redis. Waits for an operation that is still at work.',
    asked: 'The same, if it has taken keys since; a snapshot of them is taken first.',
    you: null,
  },

  'directory-unusable': {
    title: 'Redis cannot use its data directory',
    clients: CONNECTIONS_REFUSED,
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      if (situation.kind !== 'ended') return failedStart(situation, ['dir-in-config', 'chdir', 'no-access']);
      const { platform } = situation;
      return platform.data?.unusable ? [`${platform.data.dir}: ${platform.data.unusable}.`, gone(platform)] : undefined;
    },
    advice: (situation) => [
      withPlace(
        situation,
        'Mount the data directory, or give the user that Redis runs as the right to write in it; then start it.',
      ),
    ],
    since: sinceItsEnd,
    worstLoss: lossOfKept,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Mount the directory, or give the right to write in it.',
  },

  'aof-manifest-lost': {
    title: 'the manifest of the append-only directory is gone, its files are ignored',
    clients: 'The data is missing: connections are refused, or answered from an empty Redis.',
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: true,
    advisedAfterwards: false,
    diagnose: (situation) => {
      if (situation.kind !== 'ended') return failedStart(situation, ['aof-manifest']) ?? ranWithoutItsLog(situation);
      const lost = lostManifest(situation.platform.data);
      return lost === undefined ? undefined : [lost, gone(situation.platform)];
    },
    advice: noAdvice,
    since: sinceItsStart,
    worstLoss: (seen, log) => `About 1 s of writes, if its append-only files are whole; else ${fromStored(seen, log)}`,
    actions: onItsMachine(planRebuild),
    byItself: 'Copies the directory, makes the manifest again and restarts.',
    asked: 'The same, if it has taken keys since; a snapshot of them is taken first.',
    you: null,
  },

  'newer-ignored': {
    title: 'Redis is not running, and its next start would not load its newest data: appendonly was switched while it ran',
    clients: CONNECTIONS_REFUSED,
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: true,
    advisedAfterwards: true,
    diagnose: (situation) => {
      if (situation.kind !== 'ended') return undefined;
      const { platform } = situation;
      const newer = platform.data && newerIgnored(platform.data);
      return newer && [newer.text, gone(platform), howItEnded(platform), memoryDoubt(platform)];
    },
    advice: ({ seen }) => {
      const newer = seen.platform?.data && newerIgnored(seen.platform.data);
      const setting = newer?.ignored === 'log' ? 'yes' : 'no';
      return [
        `Its newest data was not loaded and is kept: \`redis-backup import PATH\` makes a backup of it, which \`restore\` brings back. Set appendonly ${setting} in redis.conf, or as it shall be both there and in Redis (CONFIG REWRITE).`,
      ];
    },
    since: sinceItsEnd,
    worstLoss: (seen, log) => {
      const newer = seen.platform?.data && newerIgnored(seen.platform.data);
      return newer
        ? `Out of service, and not lost: what was written up to ${newer.writtenAt} and is only in the files that a start does not load.`
        : fromStored(seen, log);
    },
    actions: onItsMachine(planOlder),
    byItself: 'Keeps a copy of all its data files; where all data can be made again, starts it.',
    asked: 'Starts it with the older data.',
    you: 'Set `appendonly` in redis.conf as it was in Redis, and recover; or `redis-backup import` the copy, and `restore`.',
  },

  'aof-damaged': {
    title: 'Redis cannot load its damaged append-only log',
    clients: CONNECTIONS_REFUSED,
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: true,
    diagnose: damagedLog,
    advice: noAdvice,
    since: sinceItsEnd,
    worstLoss: (seen, log) => {
      const damage = seen.platform?.data?.aof?.damage;
      const isServed = damage?.where === 'end' || (!mayBeLost(seen) && (damage?.usableBytes ?? 0) > 0);
      return damage && damage.unmendable === undefined && isServed ? `Of its log ${cutText(damage)}.` : fromStored(seen, log);
    },
    actions: onItsMachine(planDamagedLog),
    byItself:
      'Cuts a damaged end off, on a copy that a throw-away Redis loads first, keeps the original, and starts Redis. Damaged in the middle: asks whether what stands before it is served, or sets the files aside and starts empty, as `onDamage` says.',
    asked: null,
    you: 'Damaged in the middle: what stands behind the damage is kept and not served. Started empty: `redis-backup import PATH --up-to-damage` of what was kept.',
  },

  'rdb-damaged': {
    title: 'Redis cannot load its damaged RDB',
    clients: CONNECTIONS_REFUSED,
    restartHelps: false,
    serves: 'no',
    explains: 'cause',
    process: 'either',
    filesStay: false,
    advisedAfterwards: false,
    diagnose: (situation) => {
      if (situation.kind !== 'ended') return failedStart(situation, DAMAGED_RDB_LINES);
      const { platform } = situation;
      if (!platform.data?.rdb?.damaged) return undefined;
      const seen = 'Its RDB does not match its checksum: something in it is damaged, and Redis refuses it.';
      return [seen, gone(platform), howItEnded(platform)];
    },
    advice: noAdvice,
    since: sinceItsEnd,
    worstLoss: fromStored,
    actions: onItsMachine((seen) => planDamaged(seen, planSetAside('RDB'))),
    byItself: 'Sets the files aside and starts empty, as `onDamage` says.',
    asked: null,
    you: null,
  },

  'rdb-ignored': {
    title: 'Redis started empty: it loads only its append-only directory, and there is only a dump.rdb',
    clients: 'Reads and writes are answered, from a Redis that came up empty.',
    restartHelps: false,
    serves: 'yes',
    explains: 'cause',
    process: 'restarted',
    filesStay: true,
    advisedAfterwards: true,
    diagnose: (situation) => {
      const empty = cameUpEmpty(situation);
      const { platform, nowMs } = situation.seen;
      const ignored = empty && ignoredRdb(platform?.data, empty.facts, nowMs);
      return ignored ? [ignored, empty.text] : undefined;
    },
    advice: ({ seen }) => [
      seen.platform
        ? 'What its old dump.rdb holds is not loaded: `redis-backup import` makes a backup of the copy that was kept, which can then be restored.'
        : 'Do not restart it, and copy dump.rdb to a safe place: Redis overwrites it at its next save or stop, `CONFIG SET save ""` puts that off.',
    ],
    since: sinceItsStart,
    worstLoss: alreadyLost,
    actions: onItsMachine(() => [
      {
        action: 'set-aside',
        text: 'Keep dump.rdb, which Redis has ignored and writes over at its next save or stop; Redis goes on serving.',
      },
    ]),
    byItself: 'Keeps a copy of dump.rdb.',
    asked: null,
    you: 'Do not restart; `redis-backup import` the copy, and `restore`.',
  },

  empty: {
    title: 'Redis came back empty',
    clients: 'Reads and writes are answered, from a Redis that has lost its keys.',
    restartHelps: false,
    serves: 'yes',
    explains: 'cause',
    process: 'restarted',
    filesStay: false,
    advisedAfterwards: true,
    diagnose: (situation) => {
      const empty = cameUpEmpty(situation);
      const elsewhere = empty && dataElsewhere(situation.seen);
      return elsewhere ? [empty.text, elsewhere, restartedSinceBackup(situation.seen, empty.facts)] : undefined;
    },
    advice: noAdvice,
    since: sinceItsStart,
    worstLoss: alreadyLost,
    actions: nothingIsDone,
    byItself: null,
    asked: null,
    you: 'Find out who emptied it; `redis-backup find-destructive`, `restore --plan`.',
  },
} satisfies Record<string, FailureClassRow>;

/** The data lies beside its place: no start finds it, and whatever else is seen follows from that. */
function movedAway(situation: Situation): Evidence | undefined {
  const { platform, nowMs } = situation.seen;
  const left = platform?.data?.leftBehind;
  const owned = ownedOf(left);
  const moved = owned?.unfinished
    ? [`${owned.owner} has moved the data away, and is still at work: it finishes, or puts it back.`]
    : unfinishedOf(left).map((one) => unfinishedText(one, nowMs));
  if (moved.length === 0) return undefined;
  const serving = servingPrimary(situation);
  if (serving) return [...moved, `Redis runs without it, and has ${formatCountOf(serving.keys, 'key')}.`];
  const hasEnded = situation.kind === 'start-failed' || situation.kind === 'mended' || situation.kind === 'ended';
  return hasEnded ? [...moved, gone(situation.platform)] : undefined;
}

/** Files that Redis would not load, and would write over. */
function lostManifest(data: DataObservations | undefined): string | undefined {
  const aof = data?.appendonly ? data.aof : undefined;
  if (aof?.form !== 'multi-part' || aof.manifest === 'present' || aof.bytes === 0) return undefined;
  const what = aof.manifest === 'missing' ? 'has no manifest' : 'has a manifest that cannot be used';
  return `Its append-only directory ${what}, and ${formatCountOf(aof.files, 'file')} with ${formatBytes(aof.bytes)}: a start would come up empty and write over them.`;
}

function ranWithoutItsLog(situation: Situation): Evidence | undefined {
  const empty = cameUpEmpty(situation);
  const ignored = empty && ignoredLog(situation.seen.platform?.data);
  return ignored ? [ignored, empty.text] : undefined;
}

const DAMAGED_LOG_LINES = ['aof-not-last', 'aof-format', 'aof-end', 'aof-garbage', 'aof-missing-file', 'aof-rdb-part'] as const;
const DAMAGED_RDB_LINES = [
  'rdb-signature',
  'rdb-short',
  'rdb-checksum',
  'rdb-duplicate',
  'rdb-internal',
  'rdb-meditation',
  'rdb-fatal',
] as const;

/** By its log, or before Redis is started, which would refuse it. What it cuts off by itself is left to it. */
function damagedLog(situation: Situation): Evidence | undefined {
  if (situation.kind !== 'start-failed' && situation.kind !== 'ended') return undefined;
  const { platform } = situation;
  const { data } = platform;
  const damage = data?.aof?.damage;
  const text =
    damage && damageText(damage) + (damage.unmendable === undefined ? '' : ` It cannot be cut off: ${damage.unmendable}.`);
  if (situation.kind === 'ended')
    return damage && !isCutByRedis(damage) ? [text, gone(platform), howItEnded(platform)] : undefined;
  const ofBase = data?.appendonly && (data.aof?.files ?? 0) > 0;
  const base = 'It runs with appendonly yes, so the RDB that it speaks of is the base of its log.';
  return (
    failedStart(situation, DAMAGED_LOG_LINES, [text]) ??
    (ofBase ? failedStart(situation, DAMAGED_RDB_LINES, [text, base]) : undefined)
  );
}
