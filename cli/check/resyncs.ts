import type { InstanceShard } from '../../config/config.ts';
import { type Beyond, beyondText, gapsOf, restartsOf } from '../../model/backup/unusable.ts';
import { formatCountOf, formatDuration } from '../../model/format.ts';
import type { RedisInfo } from '../../redis/client/info.ts';
import { type CheckContext, type Finding, findings, ok, warning } from './finding.ts';

const DAY_MS = 86_400_000;
const RAISE =
  'Raise repl-backlog-size and client-output-buffer-limit replica, and find out what stalls the worker or the network.';

/** What has happened to the log in the last day: gaps, each with its cause. */
export const checkGaps = ({ repository, now }: CheckContext, { archive, ...of }: InstanceShard): Promise<Finding[]> =>
  findings('gaps', async () => {
    if (!archive) return [];
    const log = (await repository()).archive(of);
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
