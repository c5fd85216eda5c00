import assert from 'node:assert/strict';
import { renderPlan } from '../../../../model/restore/plan/text.ts';
import { appendOnly, flushed, log, manifest, NOW_MS, planOf, rehearsed, TIMELINE, target } from '../../../fixtures/plan.ts';

const WITH_LOG = { target: target({ layout: appendOnly() }), log: log() };

describe('A plan whose log was rehearsed', () => {
  it('counts what comes out, and not what the backup has', () => {
    const { outcome } = planOf({ ...WITH_LOG, rehearsal: rehearsed(130_000) });
    assert.equal(outcome.known, 'rehearsed');
    assert.deepEqual(outcome.all, {
      name: 'all',
      inBackup: 200_000,
      inRedisNow: 1_234,
      afterRestore: { atLeast: 205_000, atMost: 205_000 },
    });
    assert.match(
      renderPlan(planOf({ ...WITH_LOG, rehearsal: rehearsed(130_000) })),
      /^ {2}sessions +120,000 +unknown +130,000 {2}users sign in again.*\n {2}featureFlags +5,000 +unknown +0 {2}refilled.*\n {2}other.*\n {2}all +200,000 +1,234 +205,000\n {2}Counted after backup and log were loaded into a throw-away redis 7\.0\.15, as main runs: keys alive at 2026-08-01 08:30:00 UTC\.$/m,
    );
  });

  it('names each destructive moment first, with what it took and the command that has it undone', () => {
    const swapped = flushed({
      command: 'SWAPDB',
      db: 2,
      keysBefore: 10,
      keysAfter: 9,
      took: [],
      wrote: 3,
      until: `${TIMELINE}@71000000`,
    });
    const plan = planOf({ ...WITH_LOG, rehearsal: rehearsed(130_000, { moments: [flushed(), swapped], moreMoments: 4 }) });
    const lines = renderPlan(plan).split('\n');
    assert.deepEqual(lines.slice(4, 12), [
      'Destructive moments in the log that is replayed: 6',
      '  2026-08-01 08:00:00.000 UTC  FLUSHALL in database 0, which took 180,000 of 180,000 keys (sessions 105,000, other 75,000)',
      `    undone by: redis-backup restore main --until ${TIMELINE}@70000000`,
      '  2026-08-01 08:00:00.000 UTC  SWAPDB in database 2, which took 1 of 10 keys, and wrote 3 others',
      `    undone by: redis-backup restore main --until ${TIMELINE}@71000000`,
      '  and 4 more that took less or were not counted: `redis-backup find-destructive main` lists them',
      '  those that took less than a tenth of the keys, and less than 1,000, are not among them: `redis-backup find-destructive main` lists them from 100 keys on',
      '',
    ]);
    assert.equal(lines[12], 'What is lost');
  });

  it('loads the one RDB that came out: room, versions and steps are those of that', () => {
    const result = { rdb: { ...manifest().rdb, bytes: 7_000_000, usedMemoryBytes: 9_000_000 }, sha256: 'e'.repeat(64) };
    const plan = planOf({ log: log(), rehearsal: rehearsed(130_000, { result }) });
    assert.deepEqual(plan.refusals, [], 'a server without append-only file loads an RDB');
    assert.equal(plan.memory.neededBytes, 9_000_000);
    assert.match(renderPlan(plan), /put the 7\.0 MB that the rehearsal gave beside the data, while Redis serves$/m);
    assert.match(renderPlan(plan), /start Redis and load 7\.0 MB$/m);
  });

  it('has a line for function libraries, also where the log takes them away', () => {
    const parts = { manifest: manifest({ rdb: { ...manifest().rdb, functions: 2 } }), ...WITH_LOG };
    const linesOf = (functions: number) => renderPlan(planOf({ ...parts, rehearsal: rehearsed(130_000, { functions }) }));
    assert.match(linesOf(2), /^ {2}and 2 function libraries$/m);
    assert.match(linesOf(0), /^ {2}and 0 function libraries: the backup has 2, and the log takes them away$/m);
  });

  it('says when the throw-away Redis was another one', () => {
    const server = { product: 'valkey' as const, version: '8.1.1', sameAsTarget: false };
    const text = renderPlan(planOf({ ...WITH_LOG, rehearsal: rehearsed(130_000, { server }) }));
    assert.match(
      text,
      /a throw-away valkey 8\.1\.1, which is not what redis-server \/etc\/redis\.conf on host db1 runs: keys alive at/,
    );
  });
});

describe('A plan whose log was not rehearsed', () => {
  const UNTRIED = {
    ...WITH_LOG,
    rehearsal: { done: false as const, why: 'db1 has 10 MB of memory free, and 250 MB are needed' },
  };

  it('says so first, and calls each number of what comes out an estimate', () => {
    const text = renderPlan(planOf(UNTRIED));
    const lines = text.split('\n');
    assert.equal(lines[4], 'Not rehearsed: db1 has 10 MB of memory free, and 250 MB are needed.');
    assert.match(text, /^By data class {3}in the backup {2}in Redis now {2}after this restore \(estimate\) {2}when lost$/m);
    assert.match(text, /^ {2}all +200,000 +1,234 +about 175,000$/m);
    assert.match(text, /see that the 200,000 keys of the base were loaded, and count what stands after the log/);
  });

  it('does not say how many sign in again: the log may bring all of them back', () => {
    const keysNow = { total: 300_000, databases: [{ db: 0, keys: 300_000 }], classes: [{ name: 'sessions', keys: 300_000 }] };
    const text = renderPlan(planOf({ ...UNTRIED, target: target({ keysNow }) }));
    assert.doesNotMatch(text, /do not come back/);
    assert.match(text, /How many must sign in again is not known: nobody has tried the log\.\n {2}Sign-ins since then/);
  });

  it('knows nothing of what is left after a FLUSHALL, and does not go on before somebody accepts that', () => {
    const moments = [{ command: 'FLUSHALL', atMs: NOW_MS - 1000, db: 0, until: `${TIMELINE}@70000000` }];
    const plan = planOf({ ...UNTRIED, moments });
    assert.match(renderPlan(plan), /^ {2}all +200,000 +1,234 +unknown$/m);
    assert.match(
      renderPlan(plan),
      /Destructive moments in the log that is replayed: 1 \(not rehearsed: what each takes is not known\)/,
    );
    assert.deepEqual([plan.refusals.map(({ code }) => code), plan.loss?.kinds], [['RESTORE_LOSS'], ['untold']]);
    const few = { ...moments[0], command: 'mass delete', named: 1_000 } as (typeof moments)[0];
    assert.deepEqual(planOf({ ...UNTRIED, moments: [few] }).refusals, [], 'a thousand of 200,000 keys is told');
  });
});
