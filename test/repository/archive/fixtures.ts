import { randomBytes } from 'node:crypto';
import { STREAM_BEGIN, type StreamState } from '../../../model/archive/stream-state.ts';
import type { Timeline } from '../../../model/archive/timeline.ts';
import type { Archive, NewSegment } from '../../../repository/archive/archive.ts';
import { timelineIdOf } from '../../../repository/layout.ts';

export const REPLID = '8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb';
export const TIMELINE_ID = timelineIdOf(REPLID, 1000);
export const BEGUN = Date.parse('2026-02-14T06:00:00Z');

export const sampleTimeline = (parts: Partial<Timeline> = {}): Timeline => {
  const { replid = REPLID, first = 1000 } = parts;
  return {
    formatVersion: 1,
    kind: 'timeline',
    timelineId: timelineIdOf(replid, first),
    instance: 'main',
    shard: '0',
    replid,
    first,
    startedAt: new Date(BEGUN).toISOString(),
    reason: 'first',
    server: { runId: 'c2a7e1f0b5d94c6f8a3e1d2c4b5a697887766554', version: '7.0.15' },
    ...parts,
  };
};

/** Between two commands; which database is chosen is another thing at each offset. */
export const stateAt = (offset: number): StreamState =>
  offset === 1000 ? STREAM_BEGIN : { db: offset % 16, inTransaction: false };

/** A segment of which one byte came each millisecond, with a mark at its end. */
export const sampleSegment = (start: number, end: number, parts: Partial<NewSegment> = {}): NewSegment => ({
  formatVersion: 1,
  kind: 'segment',
  timelineId: timelineIdOf(REPLID, 1000),
  instance: 'main',
  shard: '0',
  start,
  end,
  startState: stateAt(start),
  endState: stateAt(end),
  firstAtMs: BEGUN + start,
  lastAtMs: BEGUN + end,
  marks: [[end, BEGUN + end]],
  late: [],
  destructive: [],
  unknownCommands: [],
  needs: { commands: ['SET'], highestDb: 0 },
  largestCommandBytes: 1,
  attempt: 'a',
  ...parts,
});

/** A stream of this many bytes from offset 1000 on, stored as segments of these lengths. */
export async function storeStream(archive: Archive, lengths: readonly number[]): Promise<{ stream: Buffer; starts: number[] }> {
  const stream = streamOf(lengths.reduce((sum, length) => sum + length, 0));
  const { instance, shard } = archive;
  await archive.createTimeline(sampleTimeline({ instance, shard }));
  const starts: number[] = [];
  let start = 1000;
  for (const length of lengths) {
    starts.push(start);
    await archive.putSegment(sampleSegment(start, start + length, { instance, shard }), [bytesOf(stream, start, start + length)]);
    start += length;
  }
  return { stream, starts };
}

/** Bytes that compress, and of which no two places are alike. */
export function streamOf(bytes: number): Buffer {
  const lines: string[] = [];
  for (let length = 0, i = 0; length < bytes; i++) {
    const line = `*3\r\n$3\r\nSET\r\n$${String(i).length}\r\n${i}\r\n$16\r\n${randomBytes(8).toString('hex')}\r\n`;
    lines.push(line);
    length += line.length;
  }
  return Buffer.from(lines.join('')).subarray(0, bytes);
}

/** Of a stream that begins at offset 1000. */
export const bytesOf = (stream: Buffer, from: number, to: number): Buffer => stream.subarray(from - 1000, to - 1000);
