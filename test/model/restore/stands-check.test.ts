import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { DatabaseKeys } from '../../../model/restore/rehearsal.ts';
import { checkStands, type ExpectedKeys, type StandsFacts, shortfall } from '../../../model/restore/stands-check.ts';
import { always } from '../../support/always.ts';

const exactly = (db: number, name: string, keys: number): ExpectedKeys => ({ db, name, alive: { atLeast: keys, atMost: keys } });
const database = (db: number, classes: Record<string, number>): DatabaseKeys => ({
  db,
  keys: Object.values(classes).reduce((sum, keys) => sum + keys, 0),
  classes: Object.entries(classes).map(([name, keys]) => ({ name, keys })),
});
const check = (facts: Partial<StandsFacts>) =>
  checkStands({
    expected: [exactly(0, 'sessions', 1_000), exactly(0, 'other', 150), exactly(3, 'other', 50)],
    found: [database(0, { sessions: 1_000, apiCache: 0, other: 150 }), database(3, { sessions: 0, apiCache: 0, other: 50 })],
    mayLack: 0,
    writesSeen: false,
    ...facts,
  });

describe('What stands after a restore', () => {
  it('is compared class by class of each database, and both numbers are said', () => {
    const verdict = check({});
    assert.deepEqual([verdict.ok, verdict.exact], [true, true]);
    assert.equal(verdict.message, '1,200 of 1,200 keys are there (sessions 1,000 of 1,000, other 200 of 200)');
    assert.deepEqual(verdict.after, {
      keys: 1_200,
      promised: { atLeast: 1_200, atMost: 1_200 },
      classes: [
        { name: 'sessions', keys: 1_000, promised: { atLeast: 1_000, atMost: 1_000 } },
        { name: 'other', keys: 200, promised: { atLeast: 200, atMost: 200 } },
        { name: 'apiCache', keys: 0, promised: { atLeast: 0, atMost: 0 } },
      ],
      databases: [
        { name: 'db0', keys: 1_150, promised: { atLeast: 1_150, atMost: 1_150 } },
        { name: 'db3', keys: 50, promised: { atLeast: 50, atMost: 50 } },
      ],
    });
  });

  it('is a mismatch for a single key too few or too many, also when it only lies in another database', () => {
    always(
      fc.property(fc.constantFrom('sessions', 'other'), fc.integer({ min: -50, max: 50 }), (name, difference) => {
        fc.pre(difference !== 0);
        const found = [database(0, { sessions: 1_000, other: 150, [name]: (name === 'other' ? 150 : 1_000) + difference })];
        assert.equal(check({ found: [...found, database(3, { other: 50 })] }).ok, false);
      }),
    );
    const swapped = check({ found: [database(0, { sessions: 1_000, other: 50 }), database(3, { other: 150 })] });
    assert.equal(
      swapped.message,
      '1,200 of 1,200 keys are there (sessions 1,000 of 1,000, other 200 of 200), and nobody has written: 100 fewer, 100 more (other in database 0, other in database 3)',
    );
    assert.equal(check({ found: [database(0, { sessions: 1_000, other: 150 })] }).ok, false, 'a database that is not there');
  });

  it('may differ by what clients write at once, which is said and is no failure', () => {
    const found = [database(0, { sessions: 1_003, other: 149 }), database(3, { other: 50 })];
    const verdict = check({ found, writesSeen: true });
    assert.deepEqual([verdict.ok, verdict.exact], [true, false]);
    assert.match(verdict.message, /^1,202 of 1,200 keys are there .*; clients may have written meanwhile: 1 fewer, 3 more$/);
  });

  it('is a warning of the report when it is less than promised, whoever took it', () => {
    const fewer = [database(0, { sessions: 400, other: 150 }), database(3, { other: 50 })];
    assert.deepEqual(shortfall(check({ found: fewer, writesSeen: true }).after), [
      '600 keys fewer than promised were there when they were counted (sessions): something has deleted or evicted them since the load',
    ]);
    assert.deepEqual(shortfall(check({}).after), []);
    assert.deepEqual(shortfall(check({ expected: undefined }).after), []);
  });

  it('may lack what Redis evicts, or drops because it is empty, and never has more for that', () => {
    const fewer = [database(0, { sessions: 990, other: 150 }), database(3, { other: 50 })];
    assert.equal(check({ found: fewer, mayLack: 10 }).ok, true);
    assert.equal(check({ found: fewer, mayLack: 9 }).ok, false);
    const more = [database(0, { sessions: 1_001, other: 150 }), database(3, { other: 50 })];
    assert.equal(check({ found: more, mayLack: 1_000 }).ok, false);
  });

  it('names the hashes that went with their last field, and blames no eviction for them', () => {
    const fewer = [database(0, { sessions: 950, other: 150 }), database(3, { other: 50 })];
    const verdict = check({ found: fewer, fieldsExpired: 100 });
    assert.deepEqual([verdict.ok, verdict.exact], [true, false]);
    const why = 'a hash goes with its last field, and Redis has expired 100 fields of hashes since it started';
    assert.equal(
      verdict.message,
      `1,150 of 1,200 keys are there (sessions 950 of 1,000, other 200 of 200); 50 fewer (sessions in database 0): ${why}`,
    );
    assert.deepEqual(shortfall(verdict.after), [
      `50 keys fewer than promised were there when they were counted (sessions): ${why}`,
    ]);
    assert.deepEqual(shortfall(check({ found: fewer, fieldsExpired: 49 }).after), [
      `50 keys fewer than promised were there when they were counted (sessions): ${why.replace('100', '49')}, or something has deleted or evicted them since the load`,
    ]);
    assert.deepEqual(check({ fieldsExpired: 7 }).exact, true);
  });

  it('takes what can have expired while it was counted for either', () => {
    const expected = [{ db: 0, name: 'sessions', alive: { atLeast: 990, atMost: 1_000 } }];
    for (const sessions of [990, 995, 1_000]) assert.ok(check({ expected, found: [database(0, { sessions })] }).exact);
    for (const sessions of [989, 1_001]) assert.equal(check({ expected, found: [database(0, { sessions })] }).ok, false);
    assert.match(check({ expected, found: [database(0, { sessions: 995 })] }).message, /^995 of 990 to 1,000 keys are there/);
  });

  it('says that it was compared with nothing when nobody had tried the log', () => {
    const verdict = check({ expected: undefined });
    assert.deepEqual([verdict.ok, verdict.exact, verdict.after.promised], [true, false, undefined]);
    assert.equal(verdict.message, '1,200 keys are there (sessions 1,000, other 200); nobody could compare that with anything');
  });
});
