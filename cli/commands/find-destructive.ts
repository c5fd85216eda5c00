import { type ArchiveExtent, beginOf, logPositionsOf } from '../../model/archive/chain.ts';
import { type Beyond, beyondText } from '../../model/backup/unusable.ts';
import { ERRORS, RecoveryError } from '../../model/errors.ts';
import { formatCount, formatCountOf, formatDuration, formatList, formatTime, passedText } from '../../model/format.ts';
import { formatOffset } from '../../model/restore/until.ts';
import type { DestructiveSearch } from '../../repository/archive/archive.ts';
import type { Repository } from '../../repository/repository.ts';
import { type CommandSpec, oneShard, optionOf } from '../command.ts';
import { table } from '../output/table.ts';
import { timeOf } from '../typed-time.ts';
import { whoseBackups } from '../whose.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

const DAY_MS = 24 * 3600 * 1000;
/** A write is stored within seconds. A log that ends longer ago may be that of an idle Redis, or nobody writes it any more. */
const UP_TO_DATE_MS = 60_000;
/** So many runs are printed, those of the most keys: where much expires at once, there are thousands. */
const MOST_RUNS = 20;

/** One moment, with what brings the data back as it was right before it. */
export interface DestructiveMoment {
  /** When it came to the archive. ISO 8601. */
  at: string;
  /** It came late: it passed at any time since. */
  since?: string;
  command: string;
  db: number;
  /** Keys that were named; absent where the log doesn't say. */
  keys?: number;
  /** For `restore --until`. */
  until: string;
}

/** `find-destructive [INSTANCE]`: the moments at which much was taken away at once. From the repository alone. */
export const findDestructiveCommand: CommandSpec = {
  name: 'find-destructive',
  about:
    'lists the moments at which much was taken away at once: FLUSHALL, FLUSHDB, SWAPDB, and 100 keys that are deleted, renamed or moved within a second',
  arguments: [ONE_INSTANCE],
  options: [
    { flags: '--from <time>', about: 'only from this time on: `2h ago`, `2026-08-01 10:00`; default: one day ago' },
    { flags: '--to <time>', about: 'only until this time; default: now' },
  ],
  exits:
    '0 all of it was read; 24 something of that time is damaged, missing or not understood, the log ends before it, or begins behind a --from that was given, or there is no log at all',
  async run(context, given) {
    const { config, repository, output, now } = context;
    const loaded = await config();
    const { name, instance, shard } = oneShard(loaded, given.arguments[0], 'find-destructive');
    const asTyped = (option: 'from' | 'to'): number | undefined => {
      const text = optionOf(given, option);
      return text === undefined ? undefined : timeOf(text, `--${option}`, context);
    };
    const range = { fromMs: asTyped('from') ?? now() - DAY_MS, toMs: asTyped('to') ?? now() };
    const opened = await repository();
    const { lines, ...whose } = await whoseBackups(loaded, opened, instance);
    const archive = opened.archive({ instance, shard });
    const extents = await archive.extents();
    if (extents.extents.length === 0) throw await nothingToSearch(opened, name, extents.damage);
    const search = await archive.destructive(extents, range);
    const found = search.found.map(
      ({ atMs, sinceMs, command, db, keys, before, timelineId }): DestructiveMoment => ({
        at: iso(atMs),
        ...(sinceMs === undefined ? {} : { since: iso(sinceMs) }),
        command,
        db,
        ...(keys === undefined ? {} : { keys }),
        until: formatOffset(timelineId, before),
      }),
    );
    const { unread, unknownCommands } = search;
    const outside = outsideOf(extents.extents, range, now());
    const searched = search.searched.map(({ fromMs, toMs }) => ({ from: iso(fromMs), to: iso(toMs) }));
    const notLogged = outside.map(({ why, fromMs, toMs }) => ({ why, from: iso(fromMs), to: iso(toMs) }));
    const asked = { from: iso(range.fromMs), to: iso(range.toMs) };
    output.result(
      { instance: name, ...whose, ...asked, found, searched, notLogged, unread, unknownCommands },
      [...lines, destructiveText(name, { ...search, found, outside }, range)].join('\n'),
    );
    const isMissed = outside.some(({ why }) => why === 'ends' || optionOf(given, 'from') !== undefined);
    return isComplete(search) && !isMissed ? undefined : ERRORS.ARCHIVE_GAP.exit;
  },
};

/** Whether all that the log had of that time was looked at and understood. */
const isComplete = ({ searched, unread, unknownCommands }: Omit<DestructiveSearch, 'found'>): boolean =>
  searched.length > 0 && unread.length === 0 && unknownCommands.length === 0;

/** A part of the time that was asked for, from before the log begins or behind where it ends. */
export interface OutsideLog {
  why: 'begins' | 'ends';
  fromMs: number;
  toMs: number;
}

/** What lies between the begin and the end of the log is told as its gaps. */
export function outsideOf(
  extents: readonly ArchiveExtent[],
  range: { fromMs: number; toMs: number },
  nowMs: number,
): OutsideLog[] {
  const places = logPositionsOf(extents).filter(({ storedAtMs }) => storedAtMs === undefined); // the times of the others are not certain
  const { fromMs, toMs } = { ...range, toMs: Math.min(range.toMs, nowMs) };
  const begunMs = Math.min(...places.map(beginOf));
  const endedMs = Math.max(...places.map(({ lastAtMs }) => lastAtMs));
  if (places.length === 0 || endedMs < fromMs || begunMs > toMs) return []; // nothing was looked at, and that is said
  return [
    ...(begunMs > fromMs ? [{ why: 'begins', fromMs, toMs: begunMs } as const] : []),
    ...(toMs - endedMs > UP_TO_DATE_MS ? [{ why: 'ends', fromMs: endedMs, toMs } as const] : []),
  ];
}

/** An answer of "nothing destructive" would be believed. */
async function nothingToSearch(repository: Repository, instance: string, damage: readonly Beyond[]): Promise<RecoveryError> {
  await repository.probe();
  const why = damage.length > 0 ? damage.map(beyondText).join('; ') : 'nothing of it is archived';
  return new RecoveryError('ARCHIVE_GAP', `there is no log of ${instance} to look at: ${why}`, {
    next: `What happened to ${instance} is not known; compare the backups that \`redis-backup list ${instance}\` shows.`,
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();

type Looked = Omit<DestructiveSearch, 'found'> & { outside: readonly OutsideLog[] };

/** Newest last, with the command that undoes it; then what was looked at, and what could not be. */
export function destructiveText(
  instance: string,
  { found, ...search }: Looked & { found: readonly DestructiveMoment[] },
  { fromMs, toMs }: { fromMs: number; toMs: number },
): string {
  const period = `in the ${formatDuration(toMs - fromMs)} before ${formatTime(toMs, 'seconds')}`;
  const coverage = coverageOf(instance, search);
  if (found.length === 0) {
    const where = isComplete(search) ? 'in the log' : 'in what could be read of the log';
    const nothing = `${instance}: ${NOTHING} ${where} ${period}`;
    const rest = `smaller or slower losses are not looked for: \`redis-backup restore ${instance} --until latest --plan\` counts exactly`;
    return [...(search.searched.length > 0 ? [nothing, rest] : []), ...coverage].join('\n');
  }
  const shown = shownOf(found);
  const rows = shown.map(({ at, since, command, db, keys, until }) => [
    passedText(Date.parse(at), since === undefined ? undefined : Date.parse(since)),
    command,
    `db${db}`,
    keys === undefined ? '' : `${formatCount(keys)} keys`,
    until,
  ]);
  const last = shown.at(-1);
  const left = found.length - shown.length;
  return [
    table(rows),
    ...(left > 0
      ? [`and ${formatCount(left)} more of fewer keys, which --json lists; keys that expire or are evicted count, too`]
      : []),
    `${instance}: ${formatCountOf(found.length, 'destructive moment')} ${period}`,
    `The data as it was right before the last of these: redis-backup restore ${instance} --until ${last?.until} --plan`,
    ...coverage,
  ].join('\n');
}

const NOTHING = 'no FLUSHALL, FLUSHDB or SWAPDB, and no 100 keys deleted, renamed or moved within a second,';

/** All that took whole databases, and of the runs those of the most keys. */
function shownOf(found: readonly DestructiveMoment[]): DestructiveMoment[] {
  const runs = found.filter(({ keys }) => keys !== undefined).sort((a, b) => (b.keys ?? 0) - (a.keys ?? 0));
  const left = new Set(runs.slice(MOST_RUNS));
  return found.filter((one) => !left.has(one));
}

function outsideText(instance: string, { why, fromMs, toMs }: OutsideLog): string {
  if (why === 'begins') return `NOT looked at: before ${formatTime(toMs, 'seconds')}, when the log begins`;
  return (
    `NOT looked at: from ${formatTime(fromMs, 'seconds')} until ${formatTime(toMs, 'seconds')}. The log has no write of that time, as that of ` +
    `an idle Redis, or of one that nobody follows: \`redis-backup archive ${instance} --status\` tells which`
  );
}

function coverageOf(instance: string, { searched, unread, unknownCommands, outside }: Looked): string[] {
  const periods = searched.map(
    ({ fromMs, toMs }) => `from ${formatTime(fromMs, 'seconds')} until ${formatTime(toMs, 'seconds')}`,
  );
  return [
    searched.length > 0
      ? `looked at: the log ${formatList(periods)}`
      : `${instance}: the log has nothing of that time, so nothing was looked at`,
    ...outside.map((one) => outsideText(instance, one)),
    ...unread.map((one) => `NOT looked at: ${beyondText(one)}`),
    ...(unknownCommands.length > 0
      ? [
          `NOT understood: ${formatList(unknownCommands)}, which the log has and nobody here knows (renamed, or of a module): what they took away is not told`,
        ]
      : []),
  ];
}
