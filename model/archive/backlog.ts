import { formatBytes, formatDuration, formatRate, formatTime } from '../format.ts';
import type { Arrivals } from './arrivals.ts';

/** How long the archiver may be away, at the write rate of now, and still go on without a new base. */
const COVERED_SECONDS = 120;
/** Redis' own default. */
const LEAST_BYTES = 1_048_576;
const MIB = 1_048_576;

/**
 * How large `repl-backlog-size` should be: what is written in two minutes, in whole MiB, and never less than Redis' default.
 * With its default of 1 MiB a busy server forgets in a second where the archive stands (measured: 34–48 MB/s at full load).
 * @param bytesPerSecond - of the replication stream
 */
export const wantedBacklogBytes = (bytesPerSecond: number): number =>
  Math.max(LEAST_BYTES, Math.ceil((bytesPerSecond * COVERED_SECONDS) / MIB) * MIB);

/** For how long a backlog lasts, seconds. */
export const backlogSeconds = (backlogBytes: number, bytesPerSecond: number): number =>
  bytesPerSecond <= 0 ? Number.POSITIVE_INFINITY : backlogBytes / bytesPerSecond;

/** For so long an archiver may pause (its machine, the network) before it is looked after. */
const PAUSE_MS = 10_000;

/**
 * What Redis collects for a replica before it cuts it off within a pause, from `client-output-buffer-limit` as CONFIG GET
 * says it; 0: no limit. Redis never takes less than its backlog.
 * @see redis 7.0.15 src/networking.c, checkClientOutputBufferLimits
 */
function replicaBufferBytes(setting: string, backlogBytes: number, pauseMs: number): { limitBytes: number; text: string } {
  const [, hard = '0', soft = '0', seconds = '0'] = /(?:slave|replica) (\d+) (\d+) (\d+)/.exec(setting) ?? [];
  const limits = [Number(hard), Number(seconds) * 1000 <= pauseMs ? Number(soft) : 0].filter((bytes) => bytes > 0);
  const limitBytes = limits.length === 0 ? 0 : Math.max(Math.min(...limits), backlogBytes);
  return { limitBytes, text: `replica ${hard} ${soft} ${seconds}` };
}

/** What Redis is asked to hold for whoever follows it. */
export interface BufferNeeds extends Pick<Arrivals, 'pause'> {
  bytesPerSecond: number;
  /** The most that came at once, and where that is known from. */
  largest?: { bytes: number; from: string };
}

export interface BufferJudgement {
  /** As a clause behind the name of the setting. */
  says: string;
  /** At least so much is to be set; absent: it is enough. */
  wantedBytes?: number;
}

/** Whether Redis would cut the archiver off: at what comes at once, or while it pauses. */
export function judgeBuffer(setting: string, backlogBytes: number, needs: BufferNeeds): BufferJudgement {
  const { bytesPerSecond, largest, pause } = needs;
  const pauseMs = Math.max(PAUSE_MS, pause?.ms ?? 0);
  const { limitBytes, text } = replicaBufferBytes(setting, backlogBytes, pauseMs);
  const paused = pause && pause.ms > PAUSE_MS ? `, as long as it paused at ${formatTime(pause.atMs, 'seconds')}` : '';
  const rate = formatRate(bytesPerSecond);
  const most = largest && `${formatBytes(largest.bytes)} ${largest.from}`;
  const pausedBytes = (bytesPerSecond * pauseMs) / 1000;
  const wantedBytes = Math.ceil(Math.max(pausedBytes, largest?.bytes ?? 0));
  if (limitBytes === 0) return { says: `${text} is no limit` };
  if (wantedBytes < limitBytes) {
    const atOnce = most ? `, and for what came at once: ${most}` : '';
    return { says: `${text} is enough for ${formatDuration(pauseMs)} of ${rate}${paused}${atOnce}` };
  }
  const whys = [
    ...((largest?.bytes ?? 0) >= limitBytes ? [`is less than what came at once: ${most}`] : []),
    ...(pausedBytes >= limitBytes
      ? [
          `is reached in ${formatDuration((limitBytes / bytesPerSecond) * 1000)} at writes of ${rate} now: an archiver that pauses for ${formatDuration(pauseMs)}${paused} is cut off`,
        ]
      : []),
  ];
  return { says: `${text} ${whys.join(', and ')}`, wantedBytes: 2 * wantedBytes };
}
