import { backupIdAt } from '../../model/instance.ts';
import { planRetention, type RetentionCandidate, type RetentionPolicy } from '../../model/retention.ts';

export const NOW = Date.parse('2026-08-01T12:00:00Z');
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

export const snapshot = (hoursAgo: number, keys = 1_000_000, more: Partial<RetentionCandidate> = {}): RetentionCandidate => ({
  backupId: backupIdAt(NOW - hoursAgo * HOUR),
  takenAtMs: NOW - hoursAgo * HOUR,
  reason: 'scheduled',
  keys,
  parsed: true,
  rdbBytes: 100 + keys * 100,
  ...more,
});

export const plan = (
  all: readonly RetentionCandidate[],
  policy: Partial<RetentionPolicy> = {},
  pins: { backupId: string; untilMs: number }[] = [],
  nowMs = NOW,
) => planRetention(all, { keepLast: 3, keepWithinMs: 0, ...policy }, { nowMs, pins });
export const kept = (result: ReturnType<typeof plan>): string[] => result.keep.map(({ backupId }) => backupId);
export const ids = (all: readonly RetentionCandidate[]): string[] => all.map(({ backupId }) => backupId);

export const every6h = (count: number, from = 0, keys = 1_000_000): RetentionCandidate[] =>
  Array.from({ length: count }, (_, i) => snapshot(from + i * 6, keys)).reverse();
