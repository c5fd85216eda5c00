import type { Bounds } from '../backup/expiry-timeline.ts';
import { formatBounds, formatCount, formatCountOf } from '../format.ts';
import type { DatabaseKeys } from './rehearsal.ts';

/** Of one class in one database: what must be alive of all that was loaded, from the begin to the end of the count. */
export interface ExpectedKeys {
  db: number;
  name: string;
  alive: Bounds;
}

export interface StandsFacts {
  /** Absent: a log was replayed that nobody had tried, so nobody knows. */
  expected?: readonly ExpectedKeys[];
  /** Counted in the living Redis. */
  found: readonly DatabaseKeys[];
  /** So many may be gone for a reason that is known: evicted as announced, or empty. */
  mayLack: number;
  /** Redis 7.4: fields that had a time to live of their own, and went by it since the start. A hash goes with its last one. */
  fieldsExpired?: number;
  /** Somebody has changed keys since the load, or that cannot be told. */
  writesSeen: boolean;
}

/** What stands there after a restore, beside what was promised for that moment. Plain JSON. */
export interface KeysAfter {
  keys: number;
  /** Absent: nobody could promise anything. */
  promised?: Bounds;
  classes: StandingKeys[];
  databases: StandingKeys[];
  /** Some of those promised may have gone with these fields of hashes. */
  fieldsExpired?: number;
  /** They could not be counted by class: why. */
  uncounted?: string;
}

export interface StandingKeys {
  name: string;
  keys: number;
  promised?: Bounds;
}

export interface StandsVerdict {
  ok: boolean;
  /** Each class of each database is as promised. */
  exact: boolean;
  /** Half a sentence, with both numbers. */
  message: string;
  after: KeysAfter;
}

/** Is what stands there what was loaded? While clients write it may differ, and the message says by how much. */
export function checkStands(facts: StandsFacts): StandsVerdict {
  const { expected, found, mayLack, fieldsExpired = 0, writesSeen } = facts;
  const after = keysAfter(facts);
  if (!expected) return { ok: true, exact: false, after, message: `${standing(after)}; nobody could compare that with anything` };
  const differing = differencesOf(expected, found);
  const lacking = sumOf(differing.map(({ lacks }) => lacks));
  const extra = sumOf(differing.map(({ extra: more }) => more));
  const there = standing(after);
  if (differing.length === 0) return { ok: true, exact: true, after, message: there };
  const by = [lacking > 0 && `${formatCount(lacking)} fewer`, extra > 0 && `${formatCount(extra)} more`]
    .filter(Boolean)
    .join(', ');
  if (writesSeen) return { ok: true, exact: false, after, message: `${there}; clients may have written meanwhile: ${by}` };
  if (extra === 0 && lacking > 0 && fieldsExpired > 0)
    return { ok: true, exact: false, after, message: `${there}; ${by} (${namesOf(differing)}): ${byFields(fieldsExpired)}` };
  if (extra === 0 && lacking <= mayLack)
    return { ok: true, exact: false, after, message: `${there}; ${by}, as Redis evicts, or drops what is empty` };
  return { ok: false, exact: false, after, message: `${there}, and nobody has written: ${by} (${namesOf(differing)})` };
}

interface Difference {
  db: number;
  name: string;
  lacks: number;
  extra: number;
}

function differencesOf(expected: readonly ExpectedKeys[], found: readonly DatabaseKeys[]): Difference[] {
  const cells = new Map<string, { db: number; name: string; alive: Bounds; keys: number }>();
  const cellOf = (db: number, name: string) => {
    const cell = cells.get(`${db} ${name}`) ?? { db, name, alive: { atLeast: 0, atMost: 0 }, keys: 0 };
    cells.set(`${db} ${name}`, cell);
    return cell;
  };
  for (const { db, name, alive } of expected) cellOf(db, name).alive = alive;
  for (const { db, classes } of found) for (const { name, keys } of classes) cellOf(db, name).keys = keys;
  return [...cells.values()]
    .map(({ db, name, alive, keys }) => ({
      db,
      name,
      lacks: Math.max(0, alive.atLeast - keys),
      extra: Math.max(0, keys - alive.atMost),
    }))
    .filter(({ lacks, extra }) => lacks > 0 || extra > 0);
}

const NAMED = 3;

const namesOf = (differing: readonly Difference[]): string => {
  const more = differing.length - NAMED;
  const named = differing.slice(0, NAMED).map(({ db, name }) => `${name} in database ${db}`);
  return `${named.join(', ')}${more > 0 ? ` and ${formatCount(more)} more` : ''}`;
};

function keysAfter({ expected, found, fieldsExpired = 0 }: StandsFacts): KeysAfter {
  const names = [
    ...new Set([...(expected ?? []).map(({ name }) => name), ...found.flatMap(({ classes }) => classes.map(({ name }) => name))]),
  ];
  const dbs = [...new Set([...(expected ?? []), ...found].map(({ db }) => db))].sort((a, b) => a - b);
  const promisedIf = (wanted: (one: ExpectedKeys) => boolean) =>
    expected ? { promised: boundsOf(expected.filter(wanted).map(({ alive }) => alive)) } : {};
  const counted = (db: number | undefined, name: string): number =>
    sumOf(
      found
        .filter((one) => db === undefined || one.db === db)
        .flatMap(({ classes }) => classes.filter((one) => one.name === name).map(({ keys }) => keys)),
    );
  return {
    keys: sumOf(found.map(({ keys }) => keys)),
    ...promisedIf(() => true),
    ...(fieldsExpired > 0 ? { fieldsExpired } : {}),
    classes: names.map((name) => ({ name, keys: counted(undefined, name), ...promisedIf((one) => one.name === name) })),
    databases: dbs.map((db) => ({
      name: `db${db}`,
      keys: found.find((one) => one.db === db)?.keys ?? 0,
      ...promisedIf((one) => one.db === db),
    })),
  };
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

const boundsOf = (all: readonly Bounds[]): Bounds => ({
  atLeast: sumOf(all.map(({ atLeast }) => atLeast)),
  atMost: sumOf(all.map(({ atMost }) => atMost)),
});

/** `1,200 of 1,200 keys are there (sessions 1,000 of 1,000, other 200 of 200)`. */
export function standing({ keys, promised, classes, uncounted }: KeysAfter): string {
  const byClass = classes
    .filter((one) => one.keys > 0 || (one.promised?.atMost ?? 0) > 0)
    .map((one) => `${one.name} ${ofPromised(one)}`);
  const detail = uncounted ?? byClass.join(', ');
  const all = promised ? `${ofPromised({ keys, promised })} keys are` : `${formatCountOf(keys, 'key is', 'keys are')}`;
  return `${all} there${detail === '' ? '' : ` (${detail})`}`;
}

const ofPromised = ({ keys, promised }: Pick<StandingKeys, 'keys' | 'promised'>): string =>
  promised ? `${formatCount(keys)} of ${formatBounds(promised)}` : formatCount(keys);

/** Less than was promised is never left for somebody to find out. */
export function shortfall({ keys, promised, classes, fieldsExpired = 0 }: KeysAfter): string[] {
  if (!promised || keys >= promised.atLeast) return [];
  const lacking = promised.atLeast - keys;
  const where = classes.filter((one) => one.keys < (one.promised?.atLeast ?? 0)).map(({ name }) => name);
  const reasons = [
    fieldsExpired > 0 && byFields(fieldsExpired),
    fieldsExpired < lacking && 'something has deleted or evicted them since the load',
  ];
  const counted = `${formatCountOf(lacking, 'key')} fewer than promised were there when they were counted`;
  return [`${counted} (${where.join(', ')}): ${reasons.filter(Boolean).join(', or ')}`];
}

/** The moments of fields are no part of what is promised of keys. */
const byFields = (fields: number): string =>
  `a hash goes with its last field, and Redis has expired ${formatCountOf(fields, 'field')} of hashes since it started`;
