import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { renderPlan } from '../../../../model/restore/plan/text.ts';
import { down, manifest, planOf, server, TAKEN_AT_MS, target } from '../../../fixtures/plan.ts';
import { always } from '../../../support/always.ts';

const COMPLETE = `Restore main from backup 20260801T060000Z, taken 2026-08-01 06:00 UTC, 2 h 30 min ago
into redis-server /etc/redis.conf on host db1

What is lost
  Every write since 2026-08-01 06:00:00 UTC, 2 h 30 min ago.
  1,234 keys that the target holds now are replaced by what comes out; their files are kept aside in /var/lib/redis, and a safety snapshot is taken first.
  Sign-outs since then: whoever signed out or was revoked is signed in again (at most 100,000 sessions).

By data class   in the backup  in Redis now  after this restore  when lost
  sessions            120,000       unknown             100,000  users sign in again; expect a spike of authentication requests
  featureFlags          5,000       unknown                   0  refilled within a minute
  other                75,000       unknown              75,000  unknown: no data class names these keys
  all                 200,000         1,234             175,000

What happens
  1      about 1 s  download and verify 40.0 MB beside the data, while Redis serves
  2      about 7 s  take a safety snapshot of what is there now
  3  !   about 4 s  stop Redis, which saves what it has: nobody is served from here on
  4  !   about 1 s  move the old data aside in /var/lib/redis, where it stays
  5  !   about 1 s  put dump.rdb in its place
  6  !   about 3 s  start Redis and load 100.0 MB
  7      about 1 s  prove that all 200,000 keys arrived or had expired, and count what stands there by class
  8     about 10 s  verify that web, login reach it
  Nobody is served for about 9 s (steps marked !). If any step fails, the old data is put back and started.

What it needs
  disk    191.0 MB  of 50.0 GB free; 90.0 MB of old data stay aside
  memory  250.0 MB  of 4.3 GB free on the host once Redis has stopped
  data    /var/lib/redis/dump.rdb

Take note
  - no key of the backup is one of apiCache, rateLimits and permissions: check their patterns before you take this for no loss.
  - 75,000 keys of the backup are in no data class: what losing them means is not known.
`;

describe('text of a restore plan', () => {
  it('says first what is lost, then what happens', () => {
    assert.equal(renderPlan(planOf()), COMPLETE);
  });

  it('begins with the refusals, each with its next step', () => {
    const text = renderPlan(planOf({ target: target({ clockOffsetMs: -90_000 }) }));
    assert.deepEqual(text.split('\n').slice(3, 6), [
      'REFUSED, nothing was touched',
      '  CLOCK_SKEW: the clock of main is 1 min 30 s behind ours: keys would expire at the wrong time, in the worst case all at once.',
      '    next: Set both clocks by NTP and start again.',
    ]);
    assert.ok(text.indexOf('REFUSED') < text.indexOf('What is lost'));
  });

  it('does not pretend to know what a dead Redis holds', () => {
    const text = renderPlan(planOf({ target: down() }));
    assert.match(text, /What the target holds now, which could not be counted; its files are kept aside in \/var\/lib\/redis\./);
    assert.match(text, /No safety snapshot: Redis does not answer; its files are kept aside\./);
    assert.match(
      text,
      /what is on its disk may be newer than this backup, and is replaced: `redis-backup recover main --dry-run`/,
    );
    assert.match(text, /2 {2}! +about 2 s {2}make sure that Redis is stopped/);
  });

  it('counts the sign-ins to expect when the sessions in the target were counted', () => {
    const classes = [
      { name: 'sessions', keys: 120_000 },
      { name: 'other', keys: 80_000 },
    ];
    const counted = { total: 200_000, databases: [{ db: 0, keys: 200_000 }], classes };
    const text = renderPlan(planOf({ target: target({ keysNow: counted }) }));
    assert.match(text, /^ {2}Of these at least 20,000 sessions do not come back: so many sign in again\.$/m);
    assert.match(text, /^ {2}Sign-ins since then: whoever signed in anew signs in once more\.$/m);
    assert.match(text, /^ {2}sessions +120,000 +120,000 +100,000 {2}users sign in again/m);
    assert.match(text, /^ {2}featureFlags +5,000 +0 +0 {2}refilled/m);
  });

  it('speaks of no session that does not come back where as many come out as there are', () => {
    const classes = [
      { name: 'sessions', keys: 100_000 },
      { name: 'other', keys: 1 },
    ];
    const counted = { total: 100_001, databases: [{ db: 0, keys: 100_001 }], classes };
    const text = renderPlan(planOf({ target: target({ keysNow: counted }) }));
    assert.doesNotMatch(text, /not come back|fewer/);
    assert.match(text, /^ {2}Sign-ins since then: whoever signed in anew signs in once more\.$/m);
  });

  it('says of one key that it is replaced: the log may bring it back', () => {
    const text = renderPlan(planOf({ target: target({ keysNow: { total: 1, databases: [{ db: 0, keys: 1 }] } }) }));
    assert.match(text, /^ {2}1 key that the target holds now is replaced by what comes out; /m);
  });

  it('is as exact by database as by class, or has no table by database', () => {
    const databases = [
      { db: 0, keys: 150_000, expires: 125_000 },
      { db: 3, keys: 50_000, expires: 0 },
    ];
    const all = renderPlan(planOf({ manifest: manifest({ rdb: { databases } }), nowMs: TAKEN_AT_MS + 1_000 }));
    assert.match(all, /^ {2}all +200,000 +1,234 +200,000$/m);
    assert.match(all, /^ {2}db0 +150,000 +1,234 +150,000$/m);
    const spread = databases.map((one) => ({ ...one, expires: one.keys / 2 }));
    const some = renderPlan(planOf({ manifest: manifest({ rdb: { databases: spread } }) }));
    assert.match(some, /^ {2}all +200,000 +1,234 +175,000$/m);
    assert.doesNotMatch(some, /By database/);
  });

  it('has a range where the times to live of the backup are too coarse, and a table by database where there are several', () => {
    const databases = [
      { db: 0, keys: 150_000, expires: 125_000 },
      { db: 3, keys: 50_000, expires: 0 },
    ];
    const text = renderPlan(planOf({ manifest: manifest({ rdb: { databases } }), nowMs: TAKEN_AT_MS + 7_000_000 }));
    assert.match(text, /^ {2}sessions +120,000 +unknown +100,000 to 120,000 {2}/m);
    assert.match(text, /^By database {2}in the backup {2}in Redis now {2}after this restore$/m);
    assert.match(text, /^ {2}db0 +150,000 +1,234 +125,000 to 145,000$/m);
    assert.match(text, /^ {2}db3 +50,000 +0 +50,000$/m);
  });

  it('shows the directory in which an append-only Redis will find the data', () => {
    const text = renderPlan(planOf({ target: target({ layout: { ...target().layout, appendonly: true } }) }));
    assert.match(
      text,
      /data {4}\/var\/lib\/redis\/appendonlydir \(appendonly yes: a server given only dump\.rdb would start empty\)/,
    );
  });

  it('says that a plan which was asked to leave out the safety snapshot does so', () => {
    const text = renderPlan(planOf({ options: { skipSafetySnapshot: true } }));
    assert.match(text, /No safety snapshot: it was asked to be left out; the files are kept aside\./);
    assert.doesNotMatch(text, /take a safety snapshot/);
  });

  it('says something sensible of every target, however little is known of it', () => {
    const some = <T>(value: T) => fc.option(fc.constant(value), { nil: undefined });
    const bytes = fc.constantFrom(0, 1, 150_000_000, 1e12);
    const aTarget = fc.record({
      reachable: fc.boolean(),
      processRunning: fc.boolean(),
      loading: some(true),
      clusterMode: some(true),
      server: some(server({ maxmemoryBytes: 200_000_000, role: 'slave' })),
      keysNow: some({
        total: 5,
        databases: [
          { db: 0, keys: 2 },
          { db: 3, keys: 3 },
        ],
      }),
      clockOffsetMs: fc.option(fc.integer(), { nil: undefined }),
      replicas: fc.subarray(['10.0.0.2:6379', '10.0.0.3:6379']),
      applications: fc.subarray(['web', 'login']),
      sentinels: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
      disk: fc.record({ freeBytes: bytes, existingBytes: bytes }),
      memory: fc.record({
        limitBytes: fc.option(bytes, { nil: undefined }),
        hostAvailableBytes: fc.option(bytes, { nil: undefined }),
      }),
    });
    always(
      fc.property(aTarget, fc.boolean(), fc.integer({ min: 0, max: 1e10 }), (facts, appendonly, laterMs) => {
        const plan = planOf({
          target: target({ ...facts, layout: { ...target().layout, appendonly } }),
          nowMs: TAKEN_AT_MS + laterMs,
        });
        const text = renderPlan(plan);
        assert.doesNotMatch(text, /undefined|NaN|\[object|\.\.$| {2,}$/m);
        assert.equal(text.includes('REFUSED'), plan.refusals.length > 0);
        assert.equal(renderPlan(JSON.parse(JSON.stringify(plan))), text);
      }),
    );
  });

  it('has no line with blanks at its end', () => {
    for (const plan of [planOf(), planOf({ target: down() })]) assert.doesNotMatch(renderPlan(plan), /[ \t]$/m);
  });
});
