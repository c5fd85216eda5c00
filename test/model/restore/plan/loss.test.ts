import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { isAccepted, lossToken } from '../../../../model/restore/plan/accepted-loss.ts';
import { momentWarnings } from '../../../../model/restore/plan/loss.ts';
import type { PlanInput } from '../../../../model/restore/plan/plan.ts';
import { planDigestSource } from '../../../../model/restore/plan/plan.ts';
import { renderPlan } from '../../../../model/restore/plan/text.ts';
import {
  appendOnly,
  down,
  flushed,
  log,
  manifest,
  NOW_MS,
  planOf,
  rehearsed,
  TAKEN_AT_MS,
  TIMELINE,
  target,
} from '../../../fixtures/plan.ts';
import { always } from '../../../support/always.ts';

type Overrides = Partial<Omit<PlanInput, 'digestOf'>>;

const holding = (total: number, sessions?: number) =>
  target({
    layout: appendOnly(),
    keysNow: {
      total,
      databases: [{ db: 0, keys: total }],
      ...(sessions === undefined
        ? {}
        : {
            classes: [
              { name: 'sessions', keys: sessions },
              { name: 'other', keys: total - sessions },
            ],
          }),
    },
  });
const WITH_LOG = { target: holding(1_234), log: log() };
const kindsOf = (overrides: Overrides) => planOf(overrides).loss?.kinds ?? [];

/** The only refusal, which is the loss. */
function lossOf(overrides: Overrides) {
  const plan = planOf(overrides);
  assert.deepEqual(
    plan.refusals.map(({ code }) => code),
    ['RESTORE_LOSS'],
  );
  const [refusal] = plan.refusals;
  assert.ok(refusal && plan.loss);
  return { ...refusal, loss: plan.loss };
}

describe('A restore that loses most of one kind of key, and little of all', () => {
  const CLASSES = [
    { name: 'cache', pattern: 'cache:*', expiry: 'fixed', recreatable: true, sensitive: false, whenLost: '' },
    { name: 'carts', pattern: 'cart:*', expiry: 'fixed', recreatable: false, sensitive: false, whenLost: '' },
  ] as const;
  /** 10,000 keys of a cache stay, and all of another kind are lost. */
  const losing = (name: string, keys: number): Overrides => {
    const { census, ...rest } = manifest();
    const [some] = census.classes;
    assert.ok(some);
    const cache = { ...some, name: 'cache', keys: 10_000, persistent: 10_000, ttl: some.ttl.map(() => 0) };
    const classes = [cache, { ...cache, name, keys: 0, persistent: 0 }];
    const now = [
      { name: 'cache', keys: 10_000 },
      { name, keys },
    ];
    const total = 10_000 + keys;
    return {
      manifest: { ...rest, rdb: { ...rest.rdb, keys: 10_000 }, census: { ...census, keys: 10_000, classes } },
      classes: CLASSES,
      target: target({ layout: appendOnly(), keysNow: { total, databases: [{ db: 0, keys: total }], classes: now } }),
    };
  };

  it('is refused where nobody knows what losing them means, or they do not come back by themselves', () => {
    assert.match(lossOf(losing('other', 1_000)).message, /less than half: 0 other keys of the 1,000 that it holds now/);
    assert.match(lossOf(losing('carts', 3)).message, /less than half: 0 carts of the 3 that it holds now/);
    assert.equal(lossOf(losing('other', 1_000)).loss.phrase, 'lose 1,000 other keys of main');
  });

  it('is none where they come back by themselves, or are a handful in no class', () => {
    assert.deepEqual(kindsOf(losing('cache', 0)), []);
    assert.deepEqual(kindsOf(losing('other', 9)), []);
  });
});

describe('A restore that loses much', () => {
  const emptied = { ...WITH_LOG, target: holding(0), rehearsal: rehearsed(0, { moments: [flushed()] }) };

  it('is refused when the log ends in nothing, by the name of what took it, with the command before it', () => {
    const { message, next, loss } = lossOf(emptied);
    assert.equal(
      message,
      'main would end empty: backup 20260801T060000Z holds 200,000 keys, and nothing is left of it after the log; the log has FLUSHALL at 2026-08-01 08:00:00.000 UTC, which took 180,000 of 180,000 keys (sessions 105,000, other 75,000)',
    );
    assert.equal(
      next,
      `To have FLUSHALL undone: \`redis-backup restore main --until ${TIMELINE}@70000000\`. If the loss is meant: \`redis-backup restore main 20260801T060000Z --until latest --accept-loss ${loss.token} --yes\`.`,
    );
    assert.equal(loss.phrase, 'leave main empty');
  });

  it('of a copied log names the file and the place in it, and says how that is undone', () => {
    const place = { file: 'appendonly.aof.2.incr.aof', bytes: 12_345 };
    const { until: _, ...moment } = flushed({ atMs: NOW_MS });
    const copied = { ...emptied, aofBackup: true as const, rehearsal: rehearsed(0, { moments: [{ ...moment, place }] }) };
    const { message, next } = lossOf(copied);
    assert.match(message, /the log has FLUSHALL before 2026-08-01 08:30:00.000 UTC, which took 180,000 of 180,000 keys/);
    assert.match(
      next,
      /^To have FLUSHALL undone: unpack the copy, which is restored whole, cut appendonly.aof.2.incr.aof to its first 12,345 bytes, and `redis-backup import` the result\. If the loss is meant: `redis-backup restore main --aof-backup /,
    );
    const lines = renderPlan(planOf(copied));
    assert.match(lines, /before 2026-08-01 08:30:00.000 UTC {2}FLUSHALL in database 0, which took 180,000 of 180,000 keys/);
    const other = rehearsed(0, { moments: [{ ...moment, place: { ...place, bytes: 1 } }] });
    assert.notEqual(lossOf({ ...copied, rehearsal: other }).loss.digest, lossOf(copied).loss.digest);
  });

  it('of a copied log that nobody tried cannot be told where a command of it may empty a database', () => {
    const copied = { target: holding(0), aofBackup: true as const };
    const needs = (...commands: string[]) => ({ needs: { commands, highestDb: 0, foreign: [] } });
    assert.deepEqual(kindsOf({ ...copied, log: { ...log(), ranges: [], ...needs('FLUSHALL', 'SET') } }), ['untold']);
    assert.deepEqual(kindsOf({ ...copied, log: { ...log(), ranges: [], ...needs('SELECT', 'SET') } }), []);
    const { needs: _, ...unread } = log();
    assert.deepEqual(kindsOf({ ...copied, log: { ...unread, ranges: [] } }), ['untold']);
    assert.deepEqual(kindsOf({ ...copied, log: { ...unread, ranges: [], bytes: 0 } }), []);
  });

  it('prints commands with all that was allowed, and as it was asked: also without Temporal', () => {
    const asked = { ...emptied, options: { direct: true, skipSafetySnapshot: true, fromAnother: true } };
    const { next } = lossOf(asked);
    const tail = '--skip-safety-snapshot --from-another';
    assert.ok(next.includes(`--until ${TIMELINE}@70000000 ${tail} --direct\``), next);
    assert.match(next, new RegExp(`--until latest ${tail} --accept-loss [0-9a-f]{16}-\\d+ --direct --yes`));
    const plan = planOf(asked);
    assert.match(renderPlan(plan), new RegExp(`undone by: redis-backup restore main --until .+ ${tail} --direct\n`));
    assert.match(momentWarnings(plan).join(), new RegExp(`undone: \`redis-backup restore main --until .+ ${tail} --direct\``));
    assert.equal(planDigestSource(plan), planDigestSource(planOf(emptied)));
  });

  it('goes on when somebody accepts that loss, and no other', () => {
    const { loss } = lossOf(emptied);
    assert.deepEqual(planOf({ ...emptied, options: { acceptLoss: loss.token } }).refusals, []);
    lossOf({ ...emptied, options: { acceptLoss: '0123456789abcdef' } });
  });

  it('is refused with less than half of what Redis holds now, or than the backup has', () => {
    const half = { ...WITH_LOG, rehearsal: rehearsed(65_000) };
    assert.deepEqual(kindsOf({ ...half, target: holding(280_000) }), []);
    assert.deepEqual(kindsOf({ ...half, target: holding(280_001) }), ['now']);
    assert.deepEqual(kindsOf({ ...WITH_LOG, rehearsal: rehearsed(24_999) }), ['backup', 'backup of sessions']);
    assert.equal(
      lossOf({ ...half, target: holding(300_000) }).message,
      'main would be left with less than half: 140,000 keys of the 300,000 that it holds now',
    );
    assert.equal(lossOf({ ...half, target: holding(300_000) }).loss.phrase, 'lose 160,000 keys of main');
  });

  it('is refused with less than half of what the log itself had, however little base and Redis hold', () => {
    const small = manifest({ rdb: { keys: 2 }, census: { ...manifest().census, classes: [] } });
    const wiped = { manifest: small, target: holding(1), log: log(), rehearsal: rehearsed(1, { keys: 1, moments: [flushed()] }) };
    const { message, next, loss } = lossOf(wiped);
    assert.deepEqual(loss.kinds, ['log', 'log of sessions']);
    assert.match(
      message,
      /^main would be left with less than half: 1 key of the 180,000 that the log had, 1 sessions of the 105,000 that the log took away at once; the log has FLUSHALL at .+, which took 180,000 of 180,000 keys \(sessions 105,000, other 75,000\)$/,
    );
    assert.match(next, /^To have FLUSHALL undone: `redis-backup restore main --until /);
    assert.equal(loss.phrase, 'lose 179,999 keys of main');
    assert.deepEqual(planOf({ ...wiped, options: { acceptLoss: loss.token } }).refusals, []);
    const refilled = { ...wiped, rehearsal: rehearsed(60_000, { moments: [flushed()] }) };
    assert.deepEqual(kindsOf(refilled), []);
    assert.match(
      momentWarnings(planOf(refilled)).join(),
      /has FLUSHALL at .+ to have FLUSHALL undone: `redis-backup restore main --until /,
    );
  });

  it('is refused when sessions go, whatever stays of a cache', () => {
    const many = { ...WITH_LOG, rehearsal: rehearsed(59_999) };
    assert.deepEqual(kindsOf(many), ['backup of sessions']);
    assert.deepEqual(kindsOf({ ...WITH_LOG, target: holding(150_000, 140_000), rehearsal: rehearsed(69_999) }), [
      'now of sessions',
    ]);
    assert.match(lossOf(many).message, /less than half: 59,999 sessions of the 120,000 in the backup$/);
  });

  it('is refused for a backup alone when even the most that it can bring is less than half of what is there', () => {
    assert.deepEqual(kindsOf({ target: holding(350_000) }), []);
    const { message, next } = lossOf({ target: holding(350_001) });
    assert.match(message, /^main would be left with less than half: 175,000 keys of the 350,001 that it holds now$/);
    assert.match(
      next,
      /^Choose another backup \(`redis-backup list main`\)\. If the loss is meant: `redis-backup restore main 20260801T060000Z --accept-loss [0-9a-f]{16}-\d+ --yes`\.$/,
    );
  });

  it('is refused for a backup of which nothing is alive, also where nobody knows what Redis holds', () => {
    const { census, ...rest } = manifest();
    const sessions = { ...rest, census: { ...census, classes: census.classes.filter(({ name }) => name !== 'other') } };
    const expired = { manifest: sessions, nowMs: NOW_MS + 2 * 86_400_000 };
    assert.match(
      lossOf(expired).message,
      /would end empty: backup 20260801T060000Z holds 200,000 keys, and every one has expired by now$/,
    );
    lossOf({ ...expired, target: down() });
    assert.match(
      lossOf({ manifest: manifest({ rdb: { keys: 0 }, census: { ...census, classes: [] } }) }).message,
      /holds no keys$/,
    );
  });

  it('is allowed where functions are all that is brought, and where nobody could count the backup', () => {
    const { census } = manifest();
    const none = { ...census, classes: [] };
    assert.deepEqual(kindsOf({ manifest: manifest({ rdb: { keys: 0, functions: 1 }, census: none }), target: holding(0) }), []);
    const uncounted = manifest({ rdb: { parsed: false, keys: 0 }, census: none });
    assert.deepEqual(kindsOf({ manifest: uncounted }), []);
  });

  it('names the moments that took most, and undoes the first of these', () => {
    const small = [1, 2, 3].map((n) =>
      flushed({ command: 'mass delete', keysBefore: 5_000 + n, keysAfter: 5_000, until: `${TIMELINE}@${n}` }),
    );
    const moments = [...small, flushed(), flushed({ command: 'FLUSHDB', until: `${TIMELINE}@72000000` })];
    const { message, next } = lossOf({ ...emptied, rehearsal: rehearsed(0, { moments, moreMoments: 2 }) });
    assert.match(message, /mass delete at .*, FLUSHALL at .*, FLUSHDB at .*, and 4 more$/);
    assert.match(next, /^To have FLUSHALL undone: `redis-backup restore main --until b{40}-0000000000001000@70000000`/);
  });

  it('keeps strategy and consents in the commands that it prints', () => {
    const options = { skipSafetySnapshot: true, noRehearsal: true };
    assert.match(lossOf({ target: holding(350_001), options }).next, /--skip-safety-snapshot --no-rehearsal --accept-loss/);
  });
});

describe('What accepts a loss', () => {
  const lossOfNow = (keys: number, token?: string) =>
    planOf({ target: holding(keys), options: token === undefined ? {} : { acceptLoss: token } }).loss;

  it('accepts it as it was read, and a little more, and none that is greater', () => {
    const { token = '', kinds, digest } = lossOfNow(400_000) ?? {};
    assert.deepEqual(kinds?.includes('now'), true);
    assert.match(token, /^[0-9a-f]{16}-\d+$/);
    const accepted = (keys: number) => [lossOfNow(keys, token)?.digest === digest, lossOfNow(keys, token)?.accepted];
    assert.deepEqual(accepted(400_000), [true, true]);
    assert.deepEqual(accepted(405_000), [true, true]);
    assert.deepEqual(accepted(600_000), [true, false], 'the same kind, and half as much again');
    assert.equal(lossOfNow(400_000, digest)?.accepted, false, 'without the number nobody has read what it costs');
  });

  it('never accepts more than a tenth above what was read, or ten keys', () => {
    always(
      fc.property(fc.nat(1e7), fc.nat(1e7), (read, now) => {
        assert.equal(isAccepted(lossToken('ab', read), 'ab', now), now <= read + Math.max(10, read / 10));
        assert.equal(isAccepted(lossToken('ab', read), 'ac', now), false);
      }),
    );
  });
});

describe('The digest of a loss', () => {
  const digest = (overrides: Overrides) => planOf(overrides).loss?.digest;
  const lossy = { ...WITH_LOG, target: holding(0), rehearsal: rehearsed(0, { moments: [flushed()] }) };

  it('stays the same while the archive grows and keys come and go', () => {
    always(
      fc.property(fc.nat({ max: 40_000 }), fc.nat({ max: 1e9 }), fc.nat({ max: 1e6 }), (sessions, bytes, laterMs) => {
        const grown = {
          ...lossy,
          target: holding(sessions),
          log: log({ bytes, untilMs: NOW_MS + laterMs, ranges: [{ timelineId: TIMELINE, from: 1000, to: 81_000_000 + bytes }] }),
          rehearsal: rehearsed(0, { moments: [flushed({ keysBefore: 180_000 + sessions })], countedAtMs: NOW_MS + laterMs }),
          nowMs: NOW_MS + laterMs,
        };
        assert.equal(digest(grown), digest(lossy));
      }),
    );
  });

  it('is another one for another instance, backup, kind of loss, or moment', () => {
    const others = [
      lossy,
      { ...lossy, instance: 'other', manifest: { ...manifest(), instance: 'other' } },
      { ...lossy, manifest: manifest({ takenAtMs: TAKEN_AT_MS - 1000 }) },
      { ...lossy, rehearsal: rehearsed(1_000, { moments: [flushed()] }) },
      { ...lossy, rehearsal: rehearsed(0, { moments: [flushed(), flushed({ until: `${TIMELINE}@72000000` })] }) },
      { ...lossy, rehearsal: rehearsed(0, { moments: [flushed()], moreMoments: 1 }) },
    ].map(digest);
    assert.equal(new Set(others).size, others.length);
  });

  it('is part of the plan that is approved, accepted or not', () => {
    const source = (overrides: Overrides) => planDigestSource(planOf(overrides));
    const accepted = { ...lossy, options: { acceptLoss: planOf(lossy).loss?.token as string } };
    assert.equal(planOf(accepted).loss?.accepted, true);
    assert.equal(source(accepted), source(lossy));
    assert.notEqual(source({ ...lossy, rehearsal: rehearsed(130_000) }), source(lossy));
    assert.equal(source({ ...lossy, rehearsal: rehearsed(0, { moments: [flushed({ keysBefore: 5 })] }) }), source(lossy));
  });
});
