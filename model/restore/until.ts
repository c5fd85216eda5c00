/** How far a log is replayed. */
export type Until =
  | { kind: 'latest' }
  /** Milliseconds since 1970. */
  | { kind: 'time'; atMs: number }
  | { kind: 'offset'; offset: number; timelineId: string };

const TIMELINE = /^([0-9a-f]{40}-\d{16})@(\d{1,16})$/;
/** With a zone: nobody may have to guess whose 10:42 it is. */
const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/;

/** `latest`, an ISO 8601 time with its zone, or `<timeline>@<offset>`; undefined for anything else, impossible times too. */
export function parseUntil(text: string): Until | undefined {
  if (text === 'latest') return { kind: 'latest' };
  const [, timelineId, offset] = TIMELINE.exec(text) ?? [];
  if (timelineId !== undefined) return { kind: 'offset', timelineId, offset: Number(offset) };
  const atMs = TIME.test(text) && isRealDay(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : { kind: 'time', atMs };
}

/** `Date.parse` takes February 30th for March 2nd. */
function isRealDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number);
  return day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

export const formatOffset = (timelineId: string, offset: number): string => `${timelineId}@${offset}`;
