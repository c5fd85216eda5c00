import type { Timeline } from './timeline.ts';

/** A parent before its children, and otherwise by the time that they were opened: the order in which history went. */
export function timelinesInOrder(timelines: readonly Timeline[]): Timeline[] {
  const byTime = [...timelines].sort(
    (a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt) || (a.timelineId < b.timelineId ? -1 : 1),
  );
  const known = new Map(byTime.map((timeline) => [timeline.timelineId, timeline]));
  const placed = new Set<Timeline>();
  const place = (timeline: Timeline, below: readonly Timeline[]): void => {
    if (placed.has(timeline) || below.includes(timeline)) return; // a ring: somebody forged it
    const parent = known.get(timeline.parent?.timelineId ?? '');
    if (parent) place(parent, [...below, timeline]);
    placed.add(timeline);
  };
  for (const timeline of byTime) place(timeline, []);
  return [...placed];
}

/** The one that the archiver goes on with: opened last of those that nothing continues. A clock that was set back changes nothing. */
export function newestOf(timelines: readonly Timeline[]): Timeline | undefined {
  const parents = new Set(timelines.map(({ parent }) => parent?.timelineId));
  return timelinesInOrder(timelines).findLast(({ timelineId }) => !parents.has(timelineId));
}
