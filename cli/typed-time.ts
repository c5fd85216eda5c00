import { RecoveryError } from '../model/errors.ts';
import { formatTime } from '../model/format.ts';
import { parseUntil } from '../model/restore/until.ts';
import type { CommandContext } from './command.ts';

/** A time as somebody typed it. */
export interface TypedTime {
  atMs: number;
  /** It did not say in UTC which time it is: whoever typed it is told in both. */
  zone?: string;
}

const UNITS_MS: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };
const AMOUNT = /(\d+(?:\.\d+)?)\s*(d|days?|h|hours?|hrs?|m|min|mins|minutes?|s|sec|secs|seconds?)(?![a-z])/gi;
const AGO = new RegExp(`^(?:${AMOUNT.source}[\\s,]*(?:and\\s+)?)+ago$`, 'i');
const DAY = '\\d{4}-\\d{2}-\\d{2}|today|yesterday';
const WALL = new RegExp(`^(?:(${DAY})(?:[ Tt]+))?(\\d{2}):(\\d{2})(?::(\\d{2})(?:\\.(\\d{1,3}))?)?\\s*(\\S+)?$`);
const OFFSET = /^([+-])(\d{2}):?(\d{2})?$/;

/** What can be typed, for a refusal and for docs/commands.md. */
export const TIMES_ALLOWED =
  '`10m ago`, `1h 30m ago`, `10:42`, `yesterday 10:42`, `2026-08-01 10:42:07`, each of them with a zone (`UTC`, `+02:00`, `Europe/Berlin`) or in that of this terminal';

/**
 * Our own parser: a library for times in plain language takes the part that it knows of what it does not know, and a restore
 * to a time that was guessed loses data.
 * @param zone - of the terminal: what a time without one is of
 * @returns undefined for what is no time
 * @throws RecoveryError `INPUT_INVALID` for a time of day that its zone has twice or never, when clocks are set
 */
export function parseTypedTime(text: string, nowMs: number, zone: string = terminalZone()): TypedTime | undefined {
  const typed = text.trim();
  if (typed === 'now') return { atMs: nowMs };
  if (AGO.test(typed)) return { atMs: nowMs - amountOf(typed), zone };
  const [, day, hour = '', minute = '', second = '00', fraction = '0', named] = WALL.exec(typed) ?? [];
  if (!isTimeOfDay(hour, minute, second)) return undefined;
  const own = named === undefined ? zone : zoneOf(named);
  if (own === undefined) return undefined;
  const told = named !== undefined && isUtc(own) ? {} : { zone: own };
  const clock = `${hour}:${minute}:${second}.${fraction.padEnd(3, '0')}`;
  if (day !== undefined && /^\d/.test(day)) {
    const wallMs = Date.parse(`${day}T${clock}Z`);
    // Date.parse takes February 30th for March 2nd
    if (Number.isNaN(wallMs) || !new Date(wallMs).toISOString().startsWith(day)) return undefined;
    return { atMs: instantOf(wallMs, own, typed), ...told };
  }
  const today = new Date(nowMs + offsetAt(nowMs, own)).toISOString().slice(0, 10);
  const todayMs = Date.parse(`${today}T${clock}Z`);
  const isBefore = day === 'yesterday' || (day === undefined && instantOf(todayMs, own, typed) > nowMs);
  return { atMs: instantOf(isBefore ? todayMs - 86_400_000 : todayMs, own, typed), ...told };
}

/**
 * How far a log is replayed, as an option gives it: `latest`, an offset, or any time that people type, as the text that
 * workflows take. What was not typed in UTC is repeated in both.
 * @throws RecoveryError `INPUT_INVALID`
 */
export function typedMoment(
  text: string,
  option: string,
  { output, now }: Pick<CommandContext, 'output' | 'now'>,
  or = OR_A_PLACE,
): string {
  const known = parseUntil(text);
  if (known && (known.kind !== 'time' || text.endsWith('Z'))) return text;
  return new Date(timeOf(text, option, { output, now }, or)).toISOString();
}

export const OR_A_PLACE = ', `latest`, or an offset as `redis-backup find-destructive` prints it';

/** The same where only a time will do. Milliseconds since 1970. @throws RecoveryError `INPUT_INVALID` */
export function timeOf(text: string, option: string, { output, now }: Pick<CommandContext, 'output' | 'now'>, or = ''): number {
  const typed = parseTypedTime(text, now());
  if (!typed) {
    throw new RecoveryError('INPUT_INVALID', `${option} is "${text}", which is no time`, { next: `Give ${TIMES_ALLOWED}${or}.` });
  }
  if (typed.zone !== undefined) output.note(`${option} "${text}" is ${inBoth(typed.atMs, typed.zone)}`);
  return typed.atMs;
}

/** `2026-08-01 12:42:07 Europe/Berlin (+02:00), which is 2026-08-01 10:42:07 UTC`. */
export function inBoth(atMs: number, zone: string): string {
  const offsetMs = offsetAt(atMs, zone);
  const precision = atMs % 1000 === 0 ? 'seconds' : 'milliseconds';
  const local = formatTime(atMs + offsetMs, precision).replace(/ UTC$/, '');
  const minutes = Math.abs(offsetMs) / 60_000;
  const digits = (n: number) => String(Math.floor(n)).padStart(2, '0');
  const offset = `${offsetMs < 0 ? '-' : '+'}${digits(minutes / 60)}:${digits(minutes % 60)}`;
  const name = zone === offset ? offset : `${zone} (${offset})`;
  return offsetMs === 0 && isUtc(zone)
    ? formatTime(atMs, precision)
    : `${local} ${name}, which is ${formatTime(atMs, precision)}`;
}

export const terminalZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;

const isUtc = (zone: string): boolean => ['UTC', 'Etc/UTC', 'GMT', '+00:00'].includes(zone);

const isTimeOfDay = (hour: string, minute: string, second: string): boolean =>
  hour !== '' && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;

function amountOf(text: string): number {
  let ms = 0;
  for (const [, amount, unit = ''] of text.matchAll(AMOUNT)) ms += Number(amount) * (UNITS_MS[unit[0]?.toLowerCase() ?? ''] ?? 0);
  return Math.round(ms);
}

/**
 * As Intl calls it; undefined for a name that it does not know. Abbreviations such as CET and IST mean several, and are not
 * taken.
 */
function zoneOf(text: string): string | undefined {
  if (/^(z|utc|gmt)$/i.test(text)) return 'UTC';
  const [, sign, hours, minutes = '00'] = OFFSET.exec(text) ?? [];
  if (sign !== undefined) return Number(hours) < 15 && Number(minutes) < 60 ? `${sign}${hours}:${minutes}` : undefined;
  if (!text.includes('/')) return undefined;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** How far a zone is ahead of UTC at an instant, milliseconds. */
function offsetAt(atMs: number, zone: string): number {
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(atMs);
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0'] = /([+-])(\d{2}):(\d{2})/.exec(name) ?? [];
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

/** When a clock of that zone shows a time: once, but for the hours in which it is set. @throws RecoveryError `INPUT_INVALID` */
function instantOf(wallMs: number, zone: string, text: string): number {
  const around = [-86_400_000, 86_400_000].map((ms) => wallMs - offsetAt(wallMs + ms, zone));
  const found = [...new Set(around)].filter((atMs) => atMs + offsetAt(atMs, zone) === wallMs);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const which = found.length === 0 ? 'no such time: clocks were set forward' : 'this time twice: clocks were set back';
  const times = (found.length > 0 ? found : around).map((atMs) => new Date(atMs).toISOString().replace('.000', ''));
  throw new RecoveryError('INPUT_INVALID', `"${text}": ${zone} has ${which}`, {
    next: `Say it in UTC: ${times.sort().join(' or ')}.`,
  });
}
