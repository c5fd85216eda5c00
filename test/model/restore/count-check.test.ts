import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { aliveAt, createExpiryTimeline } from '../../../model/backup/expiry-timeline.ts';
import { type CountFacts, checkCounts } from '../../../model/restore/count-check.ts';
import type { RestoreMode } from '../../../model/restore/plan/plan.ts';
import { always } from '../../support/always.ts';

const LOAD_MS = Date.parse('2026-08-01T08:30:00Z');
const DAY_MS = 86_400_000;

/** `null`: no time to live. */
type Keys = readonly (number | null)[];

/** A Redis that loads one file at `loadMs` by its own clock, and is asked for DBSIZE at `askedMs`. */
interface Simulated {
  keys: Keys;
  mode: RestoreMode;
  loadMs: number;
  askedMs: number;
  /** Of the keys that expired since the load, this many parts of four are still in memory: expiry is lazy. */
  lazy: number;
}

const aliveCount = (keys: Keys, ms: number): number => keys.filter((at) => at === null || at >= ms).length;

/** What INFO and DBSIZE say, and what the restore knows from reading the RDB on its way. */
function load({ keys, mode, loadMs, askedMs, lazy }: Simulated, { startMs = loadMs, doneMs = askedMs } = {}): CountFacts {
  const builder = createExpiryTimeline({ fromMs: LOAD_MS - 60_000 });
  for (const at of keys) {
    if (at === null) builder.addPersistent();
    else builder.add(at);
  }
  const timeline = builder.toTimeline();
  const loaded = mode === 'rdb-file' ? aliveCount(keys, loadMs) : keys.length;
  const alive = aliveCount(keys, askedMs);
  return {
    mode,
    manifestKeys: keys.length,
    parsed: true,
    keysLoaded: loaded,
    keysExpired: keys.length - loaded,
    dbsizeAfter: alive + Math.floor(((loaded - alive) * lazy) / 4),
    evictedKeys: 0,
    alive: { before: aliveAt(timeline, startMs), after: aliveAt(timeline, doneMs) },
    clockOffsetMs: 0,
    runId: { atFirst: 'a', atLast: 'a' },
  };
}

const aKey = fc.option(fc.integer({ min: LOAD_MS - 10_000, max: LOAD_MS + DAY_MS }), { nil: null });
const soon = fc.integer({ min: LOAD_MS - 3_000, max: LOAD_MS + 10_000 });
const someKeys = fc.array(fc.oneof(aKey, soon), { minLength: 1, maxLength: 60 });
const aMode = fc.constantFrom<RestoreMode>('rdb-file', 'append-only-directory');
const aServer = fc
  .record({ keys: someKeys, mode: aMode, took: fc.nat(4_000), waited: fc.nat(4_000), lazy: fc.nat(4) })
  .map(({ keys, mode, took, waited, lazy }) => ({ keys, mode, loadMs: LOAD_MS + took, askedMs: LOAD_MS + took + waited, lazy }));

describe('count check', () => {
  it('accepts every honest load, exactly, whatever expires before, while and after it', () => {
    always(
      fc.property(aServer, fc.nat(3_000), fc.nat(3_000), (server, earlier, later) => {
        const verdict = checkCounts(load(server, { startMs: server.loadMs - earlier, doneMs: server.askedMs + later }));
        assert.ok(verdict.ok && verdict.exact, verdict.message);
        assert.equal(verdict.keysFound, server.keys.length);
      }),
    );
  });

  it('rejects a load that lacks a single key, or has one too many', () => {
    always(
      fc.property(aServer, fc.integer({ min: -5, max: 5 }), (server, difference) => {
        fc.pre(difference !== 0);
        const facts = load(server);
        const verdict = checkCounts({ ...facts, keysLoaded: Math.max(0, (facts.keysLoaded ?? 0) + difference) });
        fc.pre((facts.keysLoaded ?? 0) + difference >= 0);
        assert.equal(verdict.ok, false);
        assert.equal(verdict.code, 'COUNT_MISMATCH');
      }),
    );
  });

  it('rejects a load in which keys of another file expired, though the sum is right', () => {
    always(
      fc.property(aServer, fc.integer({ min: 1, max: 60 }), (server, swapped) => {
        const facts = load({ ...server, keys: server.keys.map(() => null), mode: 'rdb-file' });
        fc.pre(swapped <= server.keys.length);
        const verdict = checkCounts({ ...facts, keysLoaded: server.keys.length - swapped, keysExpired: swapped });
        assert.equal(verdict.ok, false);
      }),
    );
  });

  it('rejects the empty Redis whose clock was a day ahead, although loaded + expired is the count', () => {
    const keys = [LOAD_MS + 3_600_000, LOAD_MS + 7_200_000];
    const facts = {
      ...load({ keys, mode: 'rdb-file', loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 }),
      keysLoaded: 0,
      keysExpired: 2,
      dbsizeAfter: 0,
    };
    const verdict = checkCounts(facts);
    assert.equal(verdict.ok, false);
    assert.match(verdict.message, /0 keys were loaded and 2 had expired, but 2 were alive at that time/);
    assert.equal(checkCounts({ ...facts, clockOffsetMs: DAY_MS }).code, 'CLOCK_SKEW');
  });

  it('never calls an empty result done while a key must be alive', () => {
    always(
      fc.property(aServer, (server) => {
        const facts = load(server);
        const verdict = checkCounts({ ...facts, dbsizeAfter: 0 });
        if ((facts.alive?.after.atLeast ?? 0) > 0) assert.equal(verdict.ok, false);
      }),
    );
    const facts = load({ keys: [null], mode: 'rdb-file', loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 });
    assert.equal(checkCounts({ ...facts, keysLoaded: 0, keysExpired: 1, dbsizeAfter: 7, alive: undefined }).ok, false);
  });

  it('accepts an empty result when every key had expired, and says so loudly', () => {
    for (const mode of ['rdb-file', 'append-only-directory'] as const) {
      const verdict = checkCounts(load({ keys: [LOAD_MS - 10, LOAD_MS - 5], mode, loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 }));
      assert.ok(verdict.ok);
      assert.equal(verdict.message, 'EMPTY, and rightly so: every one of the 2 keys of the backup had expired');
    }
  });

  it('accepts a backup of functions alone', () => {
    const verdict = checkCounts(load({ keys: [], mode: 'rdb-file', loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 }));
    assert.ok(verdict.ok && verdict.exact);
  });

  it('knows that the base of an append-only directory expires nothing: else another file was loaded', () => {
    const facts = load({ keys: [LOAD_MS - 10, null], mode: 'rdb-file', loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 });
    assert.ok(checkCounts(facts).ok);
    assert.match(checkCounts({ ...facts, mode: 'append-only-directory' }).message, /another file was loaded/);
  });

  it('names evicted keys, and lets them pass only if the plan had announced them', () => {
    const facts = {
      ...load({ keys: [null, null], mode: 'rdb-file', loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 }),
      evictedKeys: 1,
      dbsizeAfter: 1,
    };
    assert.match(checkCounts(facts).message, /1 key was evicted right after the load/);
    const announced = checkCounts({ ...facts, evictionsAnnounced: true });
    assert.ok(announced.ok);
    assert.match(announced.message, /1 evicted since, as the plan had warned/);
  });

  it('accounts for empty collections, which Redis drops in silence when it loads them', () => {
    const facts = load({ keys: [null, null, null], mode: 'rdb-file', loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 });
    const verdict = checkCounts({ ...facts, keysLoaded: 2, emptyKeysSkipped: 1, dbsizeAfter: 2 });
    assert.ok(verdict.ok && verdict.exact, verdict.message);
    assert.equal(verdict.message, 'all 3 keys are accounted for: 2 loaded, 1 were empty and skipped');
    assert.equal(checkCounts({ ...facts, keysLoaded: 2, dbsizeAfter: 2 }).ok, false);
  });

  it('takes no figures from a Redis that was restarted meanwhile', () => {
    const facts = load({ keys: [null], mode: 'rdb-file', loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 });
    assert.match(checkCounts({ ...facts, runId: { atFirst: 'a', atLast: 'b' } }).message, /of two processes/);
  });

  it('bounds the count by DBSIZE where the server does not say what it loaded, and does not call that exact', () => {
    const silent = (server: Simulated): CountFacts => ({ ...load(server), keysLoaded: undefined, keysExpired: undefined });
    always(
      fc.property(aServer, (server) => {
        const verdict = checkCounts(silent(server));
        assert.ok(verdict.ok && !verdict.exact, verdict.message);
      }),
    );
    const persistent = { keys: [null, null, null], mode: 'rdb-file', loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 } as const;
    for (const dbsizeAfter of [0, 2, 4])
      assert.equal(checkCounts({ ...silent(persistent), dbsizeAfter }).ok, false, String(dbsizeAfter));
    assert.ok(checkCounts({ ...silent(persistent), dbsizeAfter: 4, writesSeen: true }).ok);
    assert.equal(checkCounts({ ...silent(persistent), dbsizeAfter: 0, alive: undefined }).ok, false);
  });

  it('proves nothing for an RDB that could not be counted, and still rejects what is surely too little', () => {
    const facts = {
      ...load({ keys: [null, null], mode: 'rdb-file', loadMs: LOAD_MS, askedMs: LOAD_MS, lazy: 0 }),
      parsed: false,
    };
    const verdict = checkCounts({ ...facts, keysLoaded: 5, keysExpired: 0 });
    assert.ok(verdict.ok && !verdict.exact);
    assert.equal(checkCounts({ ...facts, keysLoaded: 1, keysExpired: 0 }).ok, false);
    assert.equal(checkCounts({ ...facts, manifestKeys: 0, keysLoaded: 0, keysExpired: 0 }).ok, false);
  });
});
