import { RecoveryError } from '../../model/errors.ts';
import { formatCount, formatCountOf, formatDuration, formatTime } from '../../model/format.ts';
import { ONLY_SHARD } from '../../model/instance.ts';
import { formatOffset, parseUntil } from '../../model/until.ts';
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
  async run({ config, repository, output, now }, given) {
    const instance = oneInstance(await config(), given.arguments[0], 'find-destructive');
    const range = { fromMs: timeOf(given, 'from') ?? now() - DAY_MS, toMs: timeOf(given, 'to') ?? now() };
    const [{ Archive }, { readExtents }, moments] = await Promise.all([
      import('../../repository/archive/archive.ts'),
      import('../../repository/archive/extents.ts'),
      import('../../repository/archive/moments.ts'),
    ]);
    const archive = new Archive((await repository()).store, instance, ONLY_SHARD);
    const { extents, problems } = await readExtents(archive);
    for (const { timelineId, error } of problems) output.note(`warning: timeline ${timelineId}: ${error.message}`);
    const found = (await moments.findDestructive(archive, extents, range)).map(
      ({ atMs, command, db, keys, before, timelineId }): DestructiveMoment => ({
        at: new Date(atMs).toISOString(),
        command,
        db,
        ...(keys === undefined ? {} : { keys }),
        until: formatOffset(timelineId, before),
      }),
    );
    output.result({ instance, from: iso(range.fromMs), to: iso(range.toMs), found }, destructiveText(instance, found, range));
    return undefined;
  },
};

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

/** Newest last, and the command that undoes it. */
export function destructiveText(
  instance: string,
  found: readonly DestructiveMoment[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): string {
  const period = `in the ${formatDuration(toMs - fromMs)} before ${formatTime(toMs, 'seconds')}`;
  if (found.length === 0) return `${instance}: nothing destructive in the log ${period}`;
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
  ].join('\n');
}
