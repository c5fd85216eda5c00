import { z } from 'zod';
import { ARCHIVE_FORMAT_VERSION, type SegmentHeader, type Timeline } from '../../model/archive/timeline.ts';
import { RecoveryError } from '../../model/errors.ts';
import { partsOfTimelineId, type TimelineRef, timelineIdOf } from '../layout.ts';
import { digestProblem, withoutDigest } from '../manifest-digest.ts';
import { requireReadable } from '../readable.ts';

const count = z.int().nonnegative();
const time = z.iso.datetime();
const timelineId = z.string().refine((id) => partsOfTimelineId(id) !== undefined, 'must be a replication id and an offset');

const state = z.strictObject({
  db: z.int().min(-1),
  inTransaction: z.boolean(),
  within: z
    .strictObject({
      line: z.string(),
      read: count,
      argCount: z.int().min(-1),
      argsLeft: z.int().min(-1),
      bulkLeft: z.int().min(-1),
      args: z.array(z.string()),
    })
    .optional(),
  sinceBoundary: count.optional(),
});

const destructive = z.strictObject({
  command: z.string(),
  before: count,
  after: count,
  atMs: z.number(),
  sinceMs: z.number().optional(),
  db: z.int().min(-1),
  keys: count.optional(),
});

/** See `LogNeeds`. */
export const needs = z.strictObject({ commands: z.array(z.string()), highestDb: z.int().min(-1) });

const segmentSchema = z
  .strictObject({
    formatVersion: z.literal(ARCHIVE_FORMAT_VERSION),
    kind: z.literal('segment'),
    timelineId,
    instance: z.string(),
    shard: z.string(),
    start: count,
    end: count,
    startState: state,
    endState: state,
    firstAtMs: z.number(),
    lastAtMs: z.number(),
    marks: z.array(z.tuple([count, z.number()])),
    late: z.array(z.strictObject({ from: count, to: count, sinceMs: z.number(), atMs: z.number() })),
    destructive: z.array(destructive),
    unknownCommands: z.array(z.string()),
    needs,
    largestCommandBytes: count,
    stored: z.strictObject({
      bytes: count.positive(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
      compression: z.literal('zstd'),
    }),
    attempt: z.string().min(1),
  })
  // Two empty segments would lie under the same key, and the second would fence out its own writer.
  .refine(({ start, end }) => end > start, { path: ['end'], message: 'must be behind start' })
  .refine(({ firstAtMs, lastAtMs }) => firstAtMs <= lastAtMs, { path: ['lastAtMs'], message: 'must not be before firstAtMs' })
  .refine(marksAscend, { path: ['marks'], message: 'must ascend, between start and end' }) satisfies z.ZodType<SegmentHeader>;

const timelineSchema = z.strictObject({
  formatVersion: z.literal(ARCHIVE_FORMAT_VERSION),
  kind: z.literal('timeline'),
  timelineId,
  instance: z.string(),
  shard: z.string(),
  replid: z.string(),
  first: count,
  startedAt: time,
  reason: z.enum(['first', 'continued', 'restarted', 'full-resync', 'hole']),
  server: z.strictObject({ runId: z.string(), version: z.string() }),
  parent: z.strictObject({ timelineId, end: count, endedAt: time, gap: z.boolean(), restartedAt: time.optional() }).optional(),
}) satisfies z.ZodType<Timeline>;

/** What the key of an object says of its header. */
export interface SegmentName {
  start: number;
  /** Only the name of a compacted segment has it. */
  end?: number;
}

/**
 * Reads the header of a segment that lies under a key of ours. Trusts nothing in it.
 * @param where - for messages: the URL of the object
 * @throws RecoveryError `MANIFEST_VERSION_UNKNOWN` or `BACKUP_ENCRYPTED` before anything else is looked at, or `ARCHIVE_CORRUPT`
 */
export function parseSegmentHeader(text: string, ref: TimelineRef, name: SegmentName, where: string): SegmentHeader {
  const header = parsed(segmentSchema, text, where);
  const { instance, shard, timelineId } = ref;
  const { start, end = header.end } = name;
  agrees({ instance, shard, timelineId, start, end }, header, where);
  return header;
}

/** The same for `timeline.json`. */
export function parseTimeline(text: string, ref: TimelineRef, where: string): Timeline {
  const timeline = parsed(timelineSchema, text, where, withoutDigest);
  const { instance, shard, timelineId } = ref;
  agrees({ instance, shard, timelineId }, timeline, where);
  const problem = digestProblem(text);
  if (problem !== undefined) throw archiveCorrupt(where, problem);
  const named = timelineIdOf(timeline.replid, timeline.first);
  if (named !== timelineId) throw archiveCorrupt(where, `is of ${named}, but lies under ${timelineId}`);
  return timeline;
}

export const archiveCorrupt = (where: string, why: string, cause?: unknown): RecoveryError =>
  new RecoveryError('ARCHIVE_CORRUPT', `${where} ${why}`, {
    next: 'Restore to a moment before it, or from a later snapshot; find out what changes objects in this store.',
    cause,
  });

function parsed<T>(schema: z.ZodType<T>, text: string, where: string, facts: (json: unknown) => unknown = (json) => json): T {
  const json = parsedJson(text, where);
  requireReadable(json, ARCHIVE_FORMAT_VERSION, where);
  const result = schema.safeParse(facts(json));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw archiveCorrupt(where, `is no header of ours: ${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
}

function parsedJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw archiveCorrupt(where, `has no JSON where it must be: ${(error as SyntaxError).message}`);
  }
}

function agrees(expected: object, found: object, where: string): void {
  for (const [part, value] of Object.entries(expected)) {
    const actual = (found as Record<string, unknown>)[part];
    if (actual !== value) throw archiveCorrupt(where, `says ${part} ${String(actual)}, but lies under ${String(value)}`);
  }
}

function marksAscend({ start, end, marks }: Pick<SegmentHeader, 'start' | 'end' | 'marks'>): boolean {
  let [offset, atMs] = [start, Number.NEGATIVE_INFINITY];
  for (const mark of marks) {
    if (mark[0] < offset || mark[0] > end || mark[1] < atMs) return false;
    [offset, atMs] = mark;
  }
  return true;
}
