import { isDeepStrictEqual } from 'node:util';
import type { Timeline } from '../../model/archive/timeline.ts';
import { timelinesInOrder } from '../../model/archive/timelines.ts';
import { hasCode, type RecoveryError } from '../../model/errors.ts';
import { archivePrefix, partsOfTimelineId, timelineKey, timelinePrefix } from '../layout.ts';
import { formatStored } from '../manifest-digest.ts';
import { inParallel } from '../parallel.ts';
import { readText, textBody } from '../small-objects.ts';
import { archiveCorrupt, parseTimeline } from './schema.ts';
import { type ArchivePlace, isUnusable, timelineRef } from './segments.ts';

export interface TimelineProblem {
  timelineId: string;
  error: RecoveryError;
}

const LARGEST_TIMELINE_BYTES = 64 * 1024;
const READS_AT_ONCE = 16;

/** As it is stored: indented, because people read it. */
const formatTimeline = (timeline: Timeline): string => formatStored(timeline);

/**
 * Makes a timeline exist. Safe to repeat with the same one.
 * @throws RecoveryError `OBJECT_EXISTS` if another one is there
 */
export async function createTimeline(place: ArchivePlace, timeline: Timeline): Promise<void> {
  const key = timelineKey(timelineRef(place, timeline.timelineId));
  const text = formatTimeline(timeline);
  const checked = parseTimeline(text, timelineRef(place, timeline.timelineId), 'the timeline to be stored');
  try {
    await place.store.put(key, textBody(text), { ifAbsent: true });
  } catch (error) {
    if (!hasCode(error, 'OBJECT_EXISTS')) throw error;
    if (!isDeepStrictEqual(await readTimeline(place, timeline.timelineId), checked)) throw error;
  }
}

/** A parent before its children. Throws what the store throws: an unread list is no empty list. */
export async function listTimelines(place: ArchivePlace): Promise<{ timelines: Timeline[]; problems: TimelineProblem[] }> {
  const names = await place.store.listNames(archivePrefix(place));
  const ids = names.filter((name) => partsOfTimelineId(name)).sort();
  const problems: TimelineProblem[] = [];
  const found = await inParallel(ids, READS_AT_ONCE, async (timelineId) => {
    try {
      return await readTimeline(place, timelineId);
    } catch (error) {
      if (!isUnusable(error)) throw error;
      problems.push({ timelineId, error });
      return undefined;
    }
  });
  problems.sort((a, b) => (a.timelineId < b.timelineId ? -1 : 1));
  return { timelines: timelinesInOrder(found.filter((timeline) => timeline !== undefined)), problems };
}

/** Undefined if nothing is there. Segments without a timeline are a problem and no archive: nobody can say what they go on from. */
export async function readTimeline(place: ArchivePlace, timelineId: string): Promise<Timeline | undefined> {
  const key = timelineKey(timelineRef(place, timelineId));
  const where = `${place.store.url}/${key}`;
  const text = await readText(place.store, key, LARGEST_TIMELINE_BYTES).catch((error) => {
    throw hasCode(error, 'MANIFEST_INVALID') ? archiveCorrupt(where, error.message.replace(`${where} `, ''), error) : error;
  });
  if (text !== undefined) return parseTimeline(text, timelineRef(place, timelineId), where);
  for await (const _ of place.store.list(timelinePrefix(timelineRef(place, timelineId)))) {
    throw archiveCorrupt(where, 'is not there, though segments are');
  }
  return undefined; // retention has just taken it
}
