import { beginningIn, isWithin, joinedNeeds, type LogNeeds } from '../../model/archive/log-needs.ts';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import type { PlannedLog } from '../../model/restore/plan/plan.ts';
import { CommandNames as Names } from '../../redis/log/command-names.ts';
import { CommandReader } from '../../redis/log/command-reader.ts';
import { NeedsWatch } from '../../redis/log/needs.ts';
import { verdictOf } from '../../redis/log/write-commands.ts';
import type { Archive } from '../../repository/archive/archive.ts';
import { type NeedsInHeaders, needsInHeaders } from '../../repository/archive/needs.ts';
import type { LogCommands } from '../restore/replay-log.ts';

/**
 * Says in a planned log what it asks of its target. Exactly: where a range ends within a segment that asks for more than all
 * others, that part of it is read.
 */
export async function withNeeds(
  archive: Archive,
  log: PlannedLog,
  commands: LogCommands,
  signal?: AbortSignal,
): Promise<PlannedLog> {
  const found = await needsInHeaders(archive, log.ranges, signal);
  if (!found) return log;
  let needs = found.whole;
  for (const part of found.parts) {
    if (isWithin(part.atMost, needs)) continue;
    needs = joinedNeeds([needs, await needsOfPart(archive, part, commands, signal)]);
  }
  return { ...log, needs: known(needs, commands) };
}

async function needsOfPart(
  archive: Archive,
  { timelineId, from, to }: NeedsInHeaders['parts'][number],
  { renamedCommands }: LogCommands,
  signal?: AbortSignal,
): Promise<LogNeeds> {
  const watch = new NeedsWatch();
  let beginDb: number | undefined;
  const { start, startState, body } = await archive.openRange(timelineId, from, to, { signal });
  const reader = new CommandReader(startState, {
    offset: start,
    renamed: renamedCommands,
    onCommand: (command) => {
      if (command.end <= from) return;
      beginDb ??= command.db;
      if (verdictOf(command.name) !== 'drop') watch.see(command);
    },
  });
  for await (const piece of body) reader.read(piece);
  return beginningIn(beginDb ?? -1, watch.takeAll());
}

/** By the names that are known today, and without what a replay leaves out. */
export function known({ commands, highestDb }: LogNeeds, { renamedCommands, moduleCommands }: LogCommands): PlannedNeeds {
  const names = new Names(renamedCommands);
  const allowed = new Set(moduleCommands?.map((name) => name.toUpperCase()));
  const real = commands.map((command) => {
    const [first = '', ...rest] = command.split(' ');
    return [names.of(first).name, ...rest].join(' ');
  });
  const joined = joinedNeeds([{ commands: real, highestDb }]);
  return { ...joined, foreign: joined.commands.filter((command) => verdictOf(command, allowed) === 'foreign') };
}

type PlannedNeeds = NonNullable<PlannedLog['needs']>;

/** What the log asks for since the newest base on its newest timeline: what a restore to its end would execute. */
export async function newestNeeds(
  archive: Archive,
  manifests: readonly SnapshotManifest[],
  commands: LogCommands,
  signal?: AbortSignal,
): Promise<PlannedLog['needs']> {
  const timeline = await archive.newestTimeline();
  if (!timeline) return undefined;
  const { timelineId, replid, first } = timeline;
  const { end, from } = await archive.position(timelineId, signal);
  const bases = manifests.filter(({ replication }) => replication.replid === replid && replication.offset <= end);
  const base = Math.max(from, first, ...bases.map(({ replication }) => replication.offset));
  const log = { until: 'latest', ranges: [{ timelineId, from: base, to: end }], bytes: end - base, untilMs: 0, endsMs: 0 };
  return (await withNeeds(archive, log, commands, signal)).needs;
}
