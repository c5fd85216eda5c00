import assert from 'node:assert/strict';
import { DEFAULT_DATA_CLASSES } from '../../model/data-class.ts';
import { type MergeFacts, planMerge, unknownClasses } from '../../model/merge.ts';
import * as fixtures from './plan-fixtures.ts';

const facts = (overrides: Partial<MergeFacts> = {}): MergeFacts => ({
  manifest: fixtures.manifest(),
  classes: DEFAULT_DATA_CLASSES,
  wanted: ['sessions', 'featureFlags'],
  now: [{ name: 'sessions', keys: 7 }],
  nowMs: fixtures.NOW_MS,
  clockOffsetMs: 0,
  beyond: [],
  ...overrides,
});
const LOG = {
  until: 'latest',
  ranges: [{ timelineId: 't', from: 0, to: 9 }],
  bytes: 9,
  untilMs: fixtures.NOW_MS,
  endsMs: fixtures.NOW_MS,
};

describe('the plan of a merge', () => {
  it('says of each class how many keys the backup has, how many of them are alive, and how many Redis has', () => {
    assert.deepEqual(planMerge(facts()).classes, [
      { name: 'sessions', keysInBackup: 120_000, aliveNow: { atLeast: 100_000, atMost: 100_000 }, keysNow: 7 },
      { name: 'featureFlags', keysInBackup: 5_000, aliveNow: { atLeast: 0, atMost: 0 }, keysNow: 0 },
    ]);
  });

  it('warns that a backup alone revives who has signed out, and not where a log knows', () => {
    assert.match(planMerge(facts()).warnings.join(), /at most 100,000 sessions that were ended come back/);
    assert.deepEqual(planMerge(facts({ log: LOG })).warnings, []);
    assert.deepEqual(planMerge(facts({ wanted: ['featureFlags'] })).warnings, []);
  });

  it('warns of a class that is newer than the backup, and of a backup that was not counted', () => {
    assert.match(planMerge(facts({ wanted: ['carts'] })).warnings.join(), /before there was a class carts/);
    const manifest = fixtures.manifest({ rdb: { parsed: false, unparsed: 'a type 99' } });
    assert.match(planMerge(facts({ manifest, log: LOG })).warnings.join(), /could be counted: a type 99/);
  });

  it('knows every configured class, and the rest as other', () => {
    assert.deepEqual(unknownClasses(['sessions', 'other', 'sesions'], DEFAULT_DATA_CLASSES), ['sesions']);
  });
});
