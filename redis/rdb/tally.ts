import { type Census, type ClassCensus, TTL_BOUNDS_SECONDS } from '../../model/backup/census.ts';
import { type ClassExpiries, createExpiryTimeline, type ExpiryTimelineBuilder } from '../../model/backup/expiry-timeline.ts';
import type { RdbFacts } from '../../model/backup/manifest.ts';
import { OTHER } from '../../model/data-class.ts';
import type { DatabaseKeys } from '../../model/restore/rehearsal.ts';
import { ModuleNames } from './module-names.ts';

const KEYS = 0;
const PERSISTENT = 1;
const EXPIRED = 2;
const FIRST_BUCKET = 3;
const WIDTH = FIRST_BUCKET + TTL_BOUNDS_SECONDS.length + 1;
const BOUNDS_MS = Float64Array.from(TTL_BOUNDS_SECONDS, (seconds) => seconds * 1000);

interface Database {
  db: number;
  keys: number;
  expires: number;
  /** As RESIZEDB has it; NaN: it is not there. */
  announced: number;
  /** Of each class, those that were alive at `takenAtMs`. */
  alive: Float64Array;
  /** Of each class that has a key there; only when asked for. */
  expiries: (ExpiryTimelineBuilder | undefined)[];
}

/** What is counted while the keys of an RDB go by: numbers in arrays, nothing for the single key. */
export class Tally {
  functions = 0;
  readonly modules: ModuleNames = new ModuleNames();
  /** Auxiliary fields, such as `redis-ver`. */
  readonly aux: Map<string, string> = new Map();
  /** The moment that remaining times to live are counted from; 0 until `ctime` says it. */
  takenAtMs: number;
  #hasSlots = false;
  readonly #timelineOptions: { fromMs?: number; horizonSeconds?: number } | undefined;
  readonly #names: readonly string[];
  readonly #counts: Float64Array;
  readonly #databases: Map<number, Database> = new Map();
  #current: Database;

  /** @param timeline - also count by the second, from `fromMs`, or else from `takenAtMs` on */
  constructor(names: readonly string[], takenAtMs: number, timeline?: { fromMs?: number; horizonSeconds?: number }) {
    this.#timelineOptions = timeline;
    this.#names = [...names, OTHER];
    this.#counts = new Float64Array(this.#names.length * WIDTH);
    this.takenAtMs = takenAtMs;
    this.#current = this.#open(0); // as for Redis, before any SELECTDB
  }

  selectDb(db: number): void {
    this.#current = this.#databases.get(db) ?? this.#open(db);
  }

  #open(db: number): Database {
    const database: Database = {
      db,
      keys: 0,
      expires: 0,
      announced: Number.NaN,
      alive: new Float64Array(this.#names.length),
      expiries: [],
    };
    this.#databases.set(db, database);
    return database;
  }

  noteAux(name: string, value: string): void {
    this.aux.set(name, value);
    if (name === 'ctime') this.takenAtMs ||= Number(value) * 1000;
  }

  noteFunctionLibrary(): void {
    this.functions += 1;
  }

  /** Slots are moving, or counted one by one: RESIZEDB may then count others than the keys written. */
  noteSlots(): void {
    this.#hasSlots = true;
  }

  announce(keys: number): void {
    this.#current.announced = keys;
  }

  /** @param expireAtMs - NaN: the key has no time to live */
  count(index: number, expireAtMs: number): void {
    const first = index * WIDTH;
    const counts = this.#counts;
    const database = this.#current;
    database.keys += 1;
    counts[first + KEYS] = (counts[first + KEYS] as number) + 1;
    const column = Number.isNaN(expireAtMs) ? PERSISTENT : slotOf(expireAtMs - this.takenAtMs);
    counts[first + column] = (counts[first + column] as number) + 1;
    if (column !== EXPIRED) database.alive[index] = (database.alive[index] as number) + 1;
    if (!Number.isNaN(expireAtMs)) database.expires += 1;
    if (this.#timelineOptions === undefined) return;
    database.expiries[index] ??= createExpiryTimeline({ fromMs: this.takenAtMs, ...this.#timelineOptions });
    if (Number.isNaN(expireAtMs)) database.expiries[index]?.addPersistent();
    else database.expiries[index]?.add(expireAtMs);
  }

  /** Undefined unless asked for. */
  expiries(): ClassExpiries[] | undefined {
    if (this.#timelineOptions === undefined) return undefined;
    return this.#listed().flatMap(({ db, expiries }) =>
      this.#names.flatMap((name, index) => {
        const timeline = expiries[index]?.toTimeline();
        return timeline ? [{ db, name, timeline }] : [];
      }),
    );
  }

  /** RESIZEDB is written from the same frozen keyspace, so it must agree; undefined: it does. */
  disagreement(): string | undefined {
    if (this.#hasSlots) return undefined;
    const wrong = this.#listed().find(({ keys, announced }) => !Number.isNaN(announced) && keys !== announced);
    return wrong && `database ${wrong.db} announces ${wrong.announced} keys and has ${wrong.keys}`;
  }

  census(): Census {
    const classes = this.#names.map((name, index): ClassCensus => {
      const counts = this.#counts.subarray(index * WIDTH, (index + 1) * WIDTH);
      const [keys = 0, persistent = 0, expired = 0, ...ttl] = counts;
      return { name, keys, persistent, expired, ttl };
    });
    return { takenAtMs: this.takenAtMs, keys: classes.reduce((sum, { keys }) => sum + keys, 0), classes };
  }

  databases(): RdbFacts['databases'] {
    return this.#listed().map(({ db, keys, expires }) => ({ db, keys, expires }));
  }

  /** The keys that were alive at `takenAtMs`, of each database that has any, by class. */
  alive(): DatabaseKeys[] {
    return this.#listed()
      .map(({ db, alive }) => ({
        db,
        keys: alive.reduce((sum, keys) => sum + keys, 0),
        classes: this.#names.map((name, index) => ({ name, keys: alive[index] ?? 0 })),
      }))
      .filter(({ keys }) => keys > 0);
  }

  #listed(): Database[] {
    const written = [...this.#databases.values()].filter(({ keys, announced }) => keys > 0 || !Number.isNaN(announced));
    return written.sort((a, b) => a.db - b.db);
  }
}

/** As Redis: a key that expires at this very millisecond is alive. */
function slotOf(leftMs: number): number {
  if (leftMs < 0) return EXPIRED;
  let low = 0;
  let high = BOUNDS_MS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((BOUNDS_MS[middle] as number) < leftMs) low = middle + 1;
    else high = middle;
  }
  return FIRST_BUCKET + low;
}
