import type { InstanceShard } from '../../config/config.ts';
import { instanceOf, shardOf, shardsOf } from '../../config/load.ts';
import { targetOf } from '../../config/target.ts';
import { DURATION_ALLOWED, parseDuration } from '../../config/units.ts';
import { clockDoubt, isFuture, provenAtMs } from '../../model/backup/backup-time.ts';
import { isEmpty, passedOver } from '../../model/backup/latest.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { describeOwner } from '../../model/backup/owner.ts';
import { holdsAsMuch, lostClasses, toCandidate } from '../../model/backup/retention.ts';
import { beyondText } from '../../model/backup/unusable.ts';
import { classInWords } from '../../model/data-class.ts';
import { ERRORS, RecoveryError } from '../../model/errors.ts';
import { formatCount, formatCountOf, formatDuration, formatList } from '../../model/format.ts';
import { restorableText } from '../../model/restore/restorable.ts';
import { type Catalog, catalogOf } from '../catalog.ts';
import { type CommandContext, type CommandSpec, type Given, optionOf, someShards } from '../command.ts';
import { failureOf } from '../output/output.ts';
import { SOME_INSTANCES } from './instance-argument.ts';

/** What monitoring plugins understand; anything else they call unknown. */
const NAGIOS = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const;

/** `status [INSTANCE]`: is the last good backup fresh? From the repository alone: neither Temporal nor Redis is asked. */
export const statusCommand: CommandSpec = {
  name: 'status',
  about: 'says how old the last good backup is, in one line and as exit code',
  arguments: [SOME_INSTANCES],
  options: [
    { flags: '--max-age <duration>', about: 'age from which it is stale; default: `backup.maxAge` of the instance' },
    {
      flags: '--nagios',
      about:
        'exit with 2 instead of 61 and 62, with 1 for a warning and 3 when it cannot be known, in one line on stdout, as monitoring plugins do',
    },
  ],
  exits: '0 fresh, 61 stale, 62 no backup; of several instances the worst',
  run: say,
  /** A monitoring plugin is read on stdout; without a line there the page says nothing. */
  failure(output, error, args) {
    if (!args.includes('--nagios')) return undefined;
    const { code, message, next } = failureOf(error);
    const text = `REDIS BACKUP UNKNOWN - ${code}: ${message.replaceAll('\n', ' ')}`;
    output.result({ state: 'unknown', code, message, next }, text);
    return NAGIOS.unknown;
  },
};

async function say({ config, repository, output, now }: CommandContext, given: Given): Promise<number> {
  const loaded = await config();
  const maxAgeMs = maxAgeOf(optionOf(given, 'maxAge'));
  const opened = await repository();
  const shards = someShards(loaded, given.arguments[0]).flatMap((asked) => {
    const instance = instanceOf(loaded, asked.instance);
    return asked.shard === undefined ? shardsOf(instance) : [shardOf(instance, asked.shard)];
  });
  const states = await Promise.all(
    shards.map(async (of) => shardState(of, await catalogOf(opened, of, now()), { maxAgeMs, now: now() })),
  );
  for (const [at, { instance }] of shards.entries()) {
    const target = targetOf(loaded, instance, 'command');
    const owner = target && (await opened.ownership(instance).foreignTo(target));
    if (owner) states[at]?.warnings.push(`these are the backups of another: ${describeOwner(owner)}`);
  }
  output.result({ instances: states }, states.map(stateText).join('\n'));
  const worst = Math.max(0, ...states.map(({ exit }) => exit));
  if (given.options.nagios !== true) return worst;
  if (worst > 0) return NAGIOS.critical;
  return states.some(({ warnings }) => warnings.length > 0) ? NAGIOS.warning : NAGIOS.ok;
}

/** How one Redis is backed up. */
export interface BackupState {
  /** What people call it: `main`, or `main/1` where there are several. */
  instance: string;
  state: 'fresh' | 'stale' | 'none';
  exit: number;
  maxAgeSeconds: number;
  backupId?: string;
  ageSeconds?: number;
  keys?: number;
  storedBytes?: number;
  /** Of the continuous log, as it tells of them itself. What is damaged of it is a warning. */
  gaps: string[];
  /** Of Redis, with nothing lost. */
  restarts: string[];
  /** From when to when, in words. */
  restorable: string[];
  warnings: string[];
}

export function shardState(
  { name: instance, backup }: Pick<InstanceShard, 'name' | 'backup'>,
  { backups, problems, archive, restorable }: Omit<Catalog, 'instance'>,
  { maxAgeMs, now }: { maxAgeMs?: number; now: number },
): BackupState {
  const limitMs = maxAgeMs ?? backup.maxAgeMs;
  const maxAgeSeconds = limitMs / 1000;
  // What a restore put into safety, or somebody brought in, is no answer to "is my data backed up?".
  const regular = backups.filter(({ reason }) => reason !== 'safety' && reason !== 'imported');
  const good = regular.filter((one) => !isEmpty(one));
  const newest = good.findLast((one) => !isFuture(one, now)) ?? good.at(-1);
  const found = [
    ...regular
      .filter((one) => one === newest || isFuture(one, now))
      .map((one) => clockDoubt(one, now))
      .filter((doubt) => doubt !== undefined),
    ...emptyOnes(regular, newest),
    ...notLatest(backups, newest, now),
    ...problems.map(({ backupId }) => `${backupId} is there and cannot be restored`),
    ...archive.flatMap(({ damage, clocks }) => [...damage, ...clocks].map(beyondText)),
  ];
  const gaps = archive.flatMap((one) => one.gaps.map(beyondText));
  const restarts = archive.flatMap((one) => one.restarts.map(beyondText));
  const period = restorable.map((one) => restorableText(one)).filter((text) => text !== undefined);
  if (!newest)
    return {
      ...{ instance, state: 'none', exit: ERRORS.BACKUP_NONE.exit, maxAgeSeconds, gaps, restarts },
      ...{ restorable: period, warnings: found },
    };
  const ageMs = isFuture(newest, now) ? undefined : now - provenAtMs(newest);
  const stale = ageMs === undefined || ageMs > limitMs;
  return {
    instance,
    state: stale ? 'stale' : 'fresh',
    exit: stale ? ERRORS.BACKUP_STALE.exit : 0,
    maxAgeSeconds,
    backupId: newest.backupId,
    ...(ageMs === undefined ? {} : { ageSeconds: Math.round(ageMs / 1000) }),
    keys: newest.rdb.keys,
    storedBytes: newest.stored.bytes,
    gaps,
    restarts,
    restorable: period,
    warnings: [...warningsOf(newest, regular), ...found],
  };
}

/** What is newer than the last good one and holds nothing. */
function emptyOnes(regular: readonly SnapshotManifest[], newest: SnapshotManifest | undefined): string[] {
  const since = regular.slice(newest ? regular.indexOf(newest) + 1 : 0).filter(isEmpty);
  const last = since.at(-1);
  if (!last) return [];
  const before = since.length - 1;
  const more = before === 0 ? '' : before === 1 ? ', as is the one before it' : `, as are the ${before} before it`;
  return [`the newest, ${last.backupId}, is empty${more}${newest ? ': was the data lost?' : ''}`];
}

/** What a restore would take instead: why stands in the other warnings. */
function notLatest(backups: readonly SnapshotManifest[], newest: SnapshotManifest | undefined, now: number): string[] {
  const found = passedOver(backups, now);
  return newest && found && found.newer.backupId === newest.backupId ? [`\`latest\` is ${found.latest.backupId}`] : [];
}

/** A backup can be fresh and worth little: of a Redis that came up empty, for example. */
function warningsOf(newest: SnapshotManifest, regular: readonly SnapshotManifest[]): string[] {
  const warnings: string[] = [];
  const fuller = regular.findLast((one) => !holdsAsMuch(toCandidate(newest), toCandidate(one)));
  if (fuller) {
    warnings.push(
      `it holds ${formatCountOf(newest.rdb.keys, 'key')}, and ${fuller.backupId} held ${formatCount(fuller.rdb.keys)}: was the data lost in between?`,
    );
  }
  const now = toCandidate(newest);
  const before = regular.findLast((one) => one !== newest && lostClasses(now, toCandidate(one)).length > 0);
  if (!fuller && before) {
    const lost = lostClasses(now, toCandidate(before));
    const held = before.census.classes.filter(({ name }) => lost.includes(name));
    warnings.push(
      `it has less than a tenth of the ${formatList(held.map(({ name, keys }) => `${formatCount(keys)} ${classInWords(name)}`))} of ${before.backupId}: were they lost in between?`,
    );
  }
  if (!newest.rdb.parsed) warnings.push('its keys could not all be counted');
  return warnings;
}

/** One line as monitoring plugins print it: text, then `|` and the figures. */
export function stateText({
  instance,
  state,
  ageSeconds,
  maxAgeSeconds,
  backupId,
  keys = 0,
  storedBytes = 0,
  gaps,
  restarts,
  restorable,
  warnings,
}: BackupState): string {
  const limit = formatDuration(maxAgeSeconds * 1000);
  if (state === 'none') return `REDIS BACKUP CRITICAL - ${[`${instance}: no backup (limit ${limit})`, ...warnings].join('; ')}`;
  const word = state === 'stale' ? 'CRITICAL' : warnings.length > 0 ? 'WARNING' : 'OK';
  const age = ageSeconds === undefined ? 'of unknown age' : `${formatDuration(ageSeconds * 1000)} old`;
  const text = `${instance}: last good backup ${backupId} is ${age} (limit ${limit})`;
  const figures = `age=${ageSeconds ?? 'U'}${ageSeconds === undefined ? '' : 's'};;${maxAgeSeconds} keys=${keys} stored=${storedBytes}B`;
  return `REDIS BACKUP ${word} - ${[text, ...warnings, ...gapsText(gaps), ...restarts.slice(-1), ...restorable].join('; ')} | ${figures}`;
}

/** The newest is named: each restart of Redis may leave one. */
const gapsText = (gaps: readonly string[]): string[] => {
  const newest = gaps.at(-1);
  if (newest === undefined) return [];
  return gaps.length === 1 ? [newest] : [`${newest} (${formatCountOf(gaps.length - 1, 'older gap')} more)`];
};

function maxAgeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  const why = ms === 0 ? ', by which every backup is stale' : '';
  throw new RecoveryError('USAGE', `--max-age is "${text}"${why}; allowed: ${DURATION_ALLOWED}`, {
    next: 'See `redis-backup status --help`.',
  });
}
