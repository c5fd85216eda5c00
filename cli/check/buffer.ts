import type { InstanceShard } from '../../config/config.ts';
import { type BufferNeeds, judgeBuffer } from '../../model/archive/backlog.ts';
import type { Timeline } from '../../model/archive/timeline.ts';
import { formatBytes, formatTime } from '../../model/format.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { ifKnown } from '../../redis/client/renames.ts';
import { readArrivals } from '../../repository/archive/arrivals.ts';
import { type CheckContext, type Finding, findings, ok, warning } from './finding.ts';

const DAY_MS = 86_400_000;
/** A gap that is shorter came of a line that was cut, and of no archiver that was away. */
const SHORT_GAP_MS = 60_000;

/** Whether Redis would cut the archiver off: it collects what a follower has not taken, up to a limit. */
export const checkBufferLimit = (
  client: RedisClient,
  instance: InstanceShard,
  { world, bytesPerSecond }: { world: CheckContext; bytesPerSecond: number },
): Promise<Finding[]> =>
  findings('buffer limit', async () => {
    const settings = await ifKnown(client.configGet('client-output-buffer-limit', 'repl-backlog-size'));
    const limit = settings?.['client-output-buffer-limit'];
    if (limit === undefined) return [];
    const needs = { bytesPerSecond, ...(await needsOfLog(client, instance, world)) };
    const { says, wantedBytes } = judgeBuffer(limit, Number(settings?.['repl-backlog-size'] ?? 0), needs);
    const message = `client-output-buffer-limit ${says}`;
    if (wantedBytes === undefined) return ok('buffer limit', message);
    return warning(
      'buffer limit',
      `${message}: Redis cuts the archiver off, and it may need a new base, with a gap`,
      `Set its first number to ${wantedBytes} or more (${formatBytes(wantedBytes)}): CONFIG SET client-output-buffer-limit "replica ${wantedBytes} 0 0", and in redis.conf.`,
    );
  });

/** What the last day asked for: of the log that came, of what never came because of it, and of who sends right now. */
async function needsOfLog(
  client: RedisClient,
  { name, shard }: InstanceShard,
  { repository, now }: CheckContext,
): Promise<Omit<BufferNeeds, 'bytesPerSecond'>> {
  const archive = (await repository()).archive({ instance: name, shard });
  const sinceMs = now() - DAY_MS;
  const { largest, pause } = await readArrivals(archive, sinceMs);
  const sent = (await client.info('clients')).number('client_recent_max_input_buffer') ?? 0;
  const all = [
    ...(largest ? [{ bytes: largest.bytes, from: `in the log, by ${formatTime(largest.atMs, 'seconds')}` }] : []),
    ...cutOff(await archive.timelines(), sinceMs),
    { bytes: sent, from: 'which one client sent in the last seconds' },
  ];
  const most = all.reduce((one, other) => (other.bytes > one.bytes ? other : one));
  return { ...(most.bytes > 0 ? { largest: most } : {}), ...(pause ? { pause } : {}) };
}

/** A command that is larger than the limit never comes: Redis, which went on, sent all anew soon after the last byte. */
const cutOff = (timelines: readonly Timeline[], sinceMs: number): NonNullable<BufferNeeds['largest']>[] =>
  timelines.flatMap(({ parent, reason, replid, first, startedAt, server }) => {
    const before = timelines.find(({ timelineId }) => timelineId === parent?.timelineId);
    if (!parent || reason !== 'full-resync' || before?.replid !== replid || before.server.runId !== server.runId) return [];
    const [fromMs, toMs] = [Date.parse(parent.endedAt), Date.parse(startedAt)];
    if (toMs < sinceMs || toMs - fromMs > SHORT_GAP_MS) return [];
    const bytes = first - parent.end;
    return [{ bytes, from: `of which nothing came, before a full resynchronization at ${formatTime(toMs, 'seconds')}` }];
  });
