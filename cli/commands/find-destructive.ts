import { type Beyond, beyondText } from '../../model/beyond.ts';
import { ERRORS, RecoveryError } from '../../model/errors.ts';
import { formatCount, formatCountOf, formatDuration, formatList, formatTime } from '../../model/format.ts';
import { ONLY_SHARD } from '../../model/instance.ts';
import { formatOffset, parseUntil } from '../../model/until.ts';
import type { DestructiveSearch } from '../../repository/archive/archive.ts';
import type { ObjectStore } from '../../repository/stores/object-store.ts';
import { type CommandSpec, type Given, oneInstance, optionOf } from '../command.ts';
import { table } from '../output/table.ts';
import { ONE_INSTANCE } from './instance-argument.ts';

const DAY_MS = 24 * 3600 * 1000;

/** One moment, with what brings the data back as it was right before it. */
export interface DestructiveMoment {
  /** ISO 8601. */
  at: string;
  command: string;
  db: number;
  /** Keys that were named; absent where the log doesn't say. */
  keys?: number;
  /** For `restore --until`. */
  until: string;
}

/** `find-destructive [INSTANCE]`: the moments at which much was taken away at once. From the repository alone. */
export const findDestructive: CommandSpec = {
  name: 'find-destructive',
  about: 'lists the moments at which much was taken away at once: FLUSHALL, FLUSHDB, SWAPDB, mass deletes',
  arguments: [ONE_INSTANCE],
  options: [
    { flags: '--from <time>', about: 'only from this time on, such as 2026-08-01T10:00:00Z; default: one day ago' },
    { flags: '--to <time>', about: 'only until this time; default: now' },
  ],
  exits: '0 all of it was read; 24 something of that time is damaged, missing or not understood, or there is no log at all',
  async run({ config, repository, output, now }, given) {
    const instance = oneInstance(await config(), given.arguments[0], 'find-destructive');
    const range = { fromMs: timeOf(given, 'from') ?? now() - DAY_MS, toMs: timeOf(given, 'to') ?? now() };
    const [{ Archive }, { readExtents }, moments] = await Promise.all([
      import('../../repository/archive/archive.ts'),
      import('../../repository/archive/extents.ts'),
      import('../../repository/archive/moments.ts'),
    ]);
    const store = (await repository()).store;
    const archive = new Archive(store, instance, ONLY_SHARD);
    const extents = await readExtents(archive);
    if (extents.extents.length === 0) throw await nothingToSearch(store, instance, extents.damage);
    const search = await moments.findDestructive(archive, extents, range);
    const found = search.found.map(
      ({ atMs, command, db, keys, before, timelineId }): DestructiveMoment => ({
        at: iso(atMs),
        command,
        db,
        ...(keys === undefined ? {} : { keys }),
        until: formatOffset(timelineId, before),
      }),
    );
    const { unread, unknownCommands } = search;
    const searched = search.searched.map(({ fromMs, toMs }) => ({ from: iso(fromMs), to: iso(toMs) }));
    const result = { instance, from: iso(range.fromMs), to: iso(range.toMs), found, searched, unread, unknownCommands };
    output.result(result, destructiveText(instance, { ...search, found }, range));
    return isComplete(search) ? undefined : ERRORS.ARCHIVE_GAP.exit;
  },
};

/** Whether all that the log had of that time was looked at and understood. */
const isComplete = ({ searched, unread, unknownCommands }: Omit<DestructiveSearch, 'found'>): boolean =>
  searched.length > 0 && unread.length === 0 && unknownCommands.length === 0;

/** An answer of "nothing destructive" would be believed. */
async function nothingToSearch(store: ObjectStore, instance: string, damage: readonly Beyond[]): Promise<RecoveryError> {
  await store.probe();
  const why = damage.length > 0 ? damage.map(beyondText).join('; ') : 'nothing of it is archived';
  return new RecoveryError('ARCHIVE_GAP', `there is no log of ${instance} to look at: ${why}`, {
    next: `What happened to ${instance} is not known; compare the backups that \`redis-backup list ${instance}\` shows.`,
  });
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** @throws RecoveryError `INPUT_INVALID` */
function timeOf(given: Given, name: string): number | undefined {
  const text = optionOf(given, name);
  if (text === undefined) return undefined;
  const parsed = parseUntil(text);
  if (parsed?.kind === 'time') return parsed.atMs;
  throw new RecoveryError('INPUT_INVALID', `--${name} is "${text}", which is no time`, {
    next: 'Give a time with its zone, such as 2026-08-01T10:42:07Z.',
  });
}

/** Newest last, with the command that undoes it; then what was looked at, and what could not be. */
export function destructiveText(
  instance: string,
  { found, ...search }: Omit<DestructiveSearch, 'found'> & { found: readonly DestructiveMoment[] },
  { fromMs, toMs }: { fromMs: number; toMs: number },
): string {
  const period = `in the ${formatDuration(toMs - fromMs)} before ${formatTime(toMs, 'seconds')}`;
  const coverage = coverageOf(instance, search);
  if (found.length === 0) {
    const nothing = isComplete(search)
      ? 'nothing destructive in the log'
      : 'nothing destructive in what could be read of the log';
    return [search.searched.length > 0 ? `${instance}: ${nothing} ${period}` : '', ...coverage].filter(Boolean).join('\n');
  }
  const rows = found.map(({ at, command, db, keys, until }) => [
    formatTime(Date.parse(at), 'milliseconds'),
    command,
    `db${db}`,
    keys === undefined ? '' : `${formatCount(keys)} keys`,
    until,
  ]);
  const last = found.at(-1);
  return [
    table(rows),
    `${instance}: ${formatCountOf(found.length, 'destructive moment')} ${period}`,
    `The data as it was right before the last of them: redis-backup restore ${instance} --until ${last?.until} --plan`,
    ...coverage,
  ].join('\n');
}

function coverageOf(instance: string, { searched, unread, unknownCommands }: Omit<DestructiveSearch, 'found'>): string[] {
  const periods = searched.map(
    ({ fromMs, toMs }) => `from ${formatTime(fromMs, 'seconds')} until ${formatTime(toMs, 'seconds')}`,
  );
  return [
    searched.length > 0
      ? `looked at: the log ${formatList(periods)}`
      : `${instance}: the log has nothing of that time, so nothing was looked at`,
    ...unread.map((one) => `NOT looked at: ${beyondText(one)}`),
    ...(unknownCommands.length > 0
      ? [
          `NOT understood: ${formatList(unknownCommands)}, which the log has and nobody here knows (renamed, or of a module): what they took away is not told`,
        ]
      : []),
  ];
}
