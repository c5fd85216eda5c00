import type { ArchiveExtent, Stretch } from '../../model/archive-chain.ts';
import { backupIdAt } from '../../model/instance.ts';
import type { SnapshotManifest } from '../../model/manifest.ts';
import type { Timeline } from '../../model/timeline.ts';
import { sampleManifest } from '../repository/sample-manifest.ts';

export const NOON = Date.parse('2026-08-01T12:00:00Z');
export const MINUTE = 60_000;

const padded = (n: number): string => String(n).padStart(16, '0');
/** A replication id for a letter. */
export const replid = (letter: string): string => letter.repeat(40);
export const idOf = (letter: string, first: number): string => `${replid(letter)}-${padded(first)}`;

export interface Sketch {
  /** Letter of its replication id. */
  name: string;
  from: number;
  end: number;
  /** Minutes after noon at which it was opened; one byte comes a millisecond. */
  minute: number;
  reason?: Timeline['reason'];
  parent?: { name: string; first: number; end: number; gap: boolean };
}

/** A timeline with one stretch. */
export function extent({ name, from, end, minute, reason = 'first', parent }: Sketch): ArchiveExtent {
  const startedAtMs = NOON + minute * MINUTE;
  const link = parent && {
    timelineId: idOf(parent.name, parent.first),
    end: parent.end,
    endedAt: new Date(startedAtMs).toISOString(),
    gap: parent.gap,
  };
  const timeline: Timeline = {
    formatVersion: 1,
    kind: 'timeline',
    timelineId: idOf(name, from),
    instance: 'main',
    shard: '0',
    replid: replid(name),
    first: from,
    startedAt: new Date(startedAtMs).toISOString(),
    reason,
    server: { runId: 'r', version: '7.0.15' },
    ...(link ? { parent: link } : {}),
  };
  const lastAtMs = startedAtMs + end - from;
  const boundary = { offset: end, atMs: lastAtMs };
  const stretch: Stretch = { from, end, firstAtMs: startedAtMs, lastAtMs, boundary };
  return { timeline, stretches: [stretch] };
}

/** A snapshot at an offset, some minutes after noon. */
export const snapshotAt = (
  name: string,
  offset: number,
  minute: number,
  parts: Partial<SnapshotManifest> = {},
): SnapshotManifest => {
  const atMs = NOON + minute * MINUTE;
  const times = { takenAt: new Date(atMs).toISOString(), clockOffsetMs: 0, finishedAt: new Date(atMs + 1000).toISOString() };
  return sampleManifest({ backupId: backupIdAt(atMs), replication: { replid: replid(name), offset }, times, ...parts });
};
