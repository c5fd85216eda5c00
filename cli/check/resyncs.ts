import type { InstanceShard } from '../../config/config.ts';
import { PAUSE_SECONDS, replicaBufferBytes } from '../../model/archive/backlog.ts';
import { type Beyond, beyondText, gapsOf, restartsOf } from '../../model/backup/unusable.ts';
import { formatBytes, formatCountOf, formatDuration, formatRate } from '../../model/format.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import { ifKnown } from '../../redis/client/renames.ts';
import { type CheckContext, type Finding, findings, ok, warning } from './finding.ts';

const DAY_MS = 86_400_000;
const RAISE =
  'Raise repl-backlog-size and client-output-buffer-limit replica, and find out what stalls the worker or the network.';

/** What has happened to the log in the last day: gaps, each with its cause. */
export const checkGaps = ({ repository, now }: CheckContext, { name, shard, archive }: InstanceShard): Promise<Finding[]> =>
  findings('gaps', async () => {
    if (!archive) return [];
    const log = (await repository()).archive({ instance: name, shard });
    const timelines = await log.timelines();
    const isRecent = ({ toMs = 0 }: Beyond): boolean => now() - toMs < DAY_MS;
    const gaps = gapsOf(timelines).filter(isRecent);
    const restarts = restartsOf(timelines).filter(isRecent).map(beyondText);
    if (gaps.length === 0) return ok('gaps', ['the log has had none in the last day', ...restarts].join('; '));
    const all = gaps.map(beyondText).join('; ');
    const message = `${formatCountOf(gaps.length, 'full resynchronization')} of the archiver in the last day, each with a gap that no restore goes into: ${all}`;
    return [
      warning(
        'gaps',
        message,
        `Where it was restarted: a Redis with appendonly yes always begins a new history; no gap is left by one that is ended in order (SHUTDOWN, systemctl) while the archiver of its own machine follows it. Else: ${RAISE}`,
      ),
    ];
  });

/** What Redis counts itself since its start: replicas that wanted to go on, and could not. */
export function refusedResyncs(info: RedisInfo): Finding[] {
  const refused = info.number('sync_partial_err') ?? 0;
  if (refused === 0) return [];
  const since = formatDuration((info.number('uptime_in_seconds') ?? 0) * 1000);
  const message = `${formatCountOf(refused, 'replica')} wanted to go on since it started ${since} ago, and got all data anew, because its backlog or history had no longer what was missing (sync_partial_err; sync_full is ${info.number('sync_full') ?? 0})`;
  return [warning('resynchronizations', message, RAISE)];
}

/** Whether Redis would cut the archiver off: it collects what a follower has not taken, up to a limit. */
export async function bufferFinding(client: RedisClient, bytesPerSecond: number): Promise<Finding[]> {
  const settings = await ifKnown(client.configGet('client-output-buffer-limit', 'repl-backlog-size'));
  const limit = settings?.['client-output-buffer-limit'];
  if (limit === undefined) return [];
  const { hardBytes, text } = replicaBufferBytes(limit, Number(settings?.['repl-backlog-size'] ?? 0));
  const largest = (await client.info('clients')).number('client_recent_max_input_buffer') ?? 0;
  const pause = bytesPerSecond * PAUSE_SECONDS;
  const wanted = Math.max(largest, pause);
  if (hardBytes === 0 || wanted < hardBytes)
    return [
      ok('buffer limit', `client-output-buffer-limit ${text} is enough for ${PAUSE_SECONDS} s of ${formatRate(bytesPerSecond)}`),
    ];
  const why =
    largest >= hardBytes
      ? `is less than what one client sent in the last seconds (${formatBytes(largest)})`
      : `is reached in ${formatDuration((hardBytes / bytesPerSecond) * 1000)} at writes of ${formatRate(bytesPerSecond)} now`;
  return [
    warning(
      'buffer limit',
      `client-output-buffer-limit ${text} ${why}: Redis cuts an archiver off that pauses for ${PAUSE_SECONDS} s, and it may need a new base, with a gap`,
      `Set its first number to ${2 * wanted} or more (${formatBytes(2 * wanted)}): CONFIG SET client-output-buffer-limit "replica ${2 * wanted} 0 0", and in redis.conf.`,
    ),
  ];
}
