import assert from 'node:assert/strict';
import { DEFAULT_DATA_CLASSES } from '../../../model/data-class.ts';
import type { MergeNeeds } from '../../../model/merge/free-memory.ts';
import { lostByLog, mergeLossRefusal } from '../../../model/merge/loss.ts';
import { type MergeFacts, planMerge, unknownClasses } from '../../../model/merge/merge.ts';
import { reportOfMerge } from '../../../model/merge/outcome.ts';
import * as fixtures from '../../fixtures/plan.ts';

const facts = (overrides: Partial<MergeFacts> = {}): MergeFacts => ({
  name: 'main',
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
    const doubts = ['the moment is not certain: it came late'];
    assert.deepEqual(planMerge(facts({ log: LOG, doubts })).warnings, doubts);
    assert.deepEqual(planMerge(facts({ wanted: ['featureFlags'] })).warnings, []);
  });

  it('warns of a class that is newer than the backup, and of a backup that was not counted', () => {
    assert.match(planMerge(facts({ wanted: ['carts'] })).warnings.join(), /before there was a class carts/);
    const manifest = fixtures.manifest({ rdb: { parsed: false, unparsed: 'a type 99' } });
    assert.match(planMerge(facts({ manifest, log: LOG })).warnings.join(), /could be counted: a type 99/);
  });

  const FLUSHALL = { command: 'FLUSHALL', atMs: fixtures.NOW_MS, db: 0, until: 't@5' };
  const alive = (sessions: number) => ({ classes: [{ name: 'sessions', alive: sessions, there: sessions }] });

  it('asks for consent where the log takes all at once, and the backup cannot tell what there was', () => {
    const plan = planMerge(facts({ log: LOG, wanted: ['sessions', 'featureFlags'] }));
    assert.deepEqual(lostByLog(plan, alive(60_000), []), []);
    assert.deepEqual(lostByLog(plan, alive(60_000), [FLUSHALL]), ['featureFlags']);
    assert.deepEqual(lostByLog(plan, alive(49_999), []), ['sessions']);
    assert.deepEqual(lostByLog(planMerge(facts()), alive(1), []), []);
    const loss = { classes: ['featureFlags'], moments: [FLUSHALL], digest: 'd', accepted: false };
    const refusal = mergeLossRefusal(plan, loss, alive(60_000));
    assert.match(
      refusal?.message ?? '',
      /^how many featureFlags the log has taken away cannot be told: 0 alive at that moment, .+; the log has FLUSHALL at /,
    );
    assert.match(refusal?.next ?? '', /--until t@5`\. If the loss is meant: .+ --accept-loss d --yes`/);
  });

  it('names in its report what the log takes at once, whatever comes back', () => {
    const plan = planMerge(facts({ log: LOG, wanted: ['sessions'] }));
    const needs = { memoryBytes: 0, room: { maxmemoryBytes: 0, countedBytes: 0, policy: 'noeviction', evictedKeys: 0 } };
    const { warnings } = reportOfMerge(plan, { classes: [], evicted: 0, needs, moments: [FLUSHALL] });
    assert.match(
      warnings.join(),
      /FLUSHALL at .+; to have FLUSHALL undone: `redis-backup restore main --only sessions --until t@5`/,
    );
  });

  it('says of a Redis elsewhere that nobody knows whether there is room, and of one here nothing', () => {
    const room = { maxmemoryBytes: 0, countedBytes: 0, policy: 'noeviction', evictedKeys: 0 };
    const far = { memoryBytes: 4096, room, logs: { logBytes: 8192 } };
    const warnings = (needs: MergeNeeds) => reportOfMerge(planMerge(facts()), { classes: [], evicted: 0, needs }).warnings.join();
    assert.match(
      warnings(far),
      /the memory of its machine and the disk of its log \(up to 8.2 kB more\) could not be looked at from here, so nobody knows whether there is room for the 4.1 kB that come back into main/,
    );
    assert.match(warnings({ memoryBytes: 4096, room }), /the memory of its machine could not be looked at/);
    const machine = { freeBytes: 1e9, why: 'available on the host' };
    assert.doesNotMatch(warnings({ memoryBytes: 4096, room, machine }), /could not be looked at/);
    assert.doesNotMatch(warnings({ ...far, memoryBytes: 0 }), /could not be looked at/);
  });

  it('knows every configured class, and the rest as other', () => {
    assert.deepEqual(unknownClasses(['sessions', 'other', 'sesions'], DEFAULT_DATA_CLASSES), ['sesions']);
  });
});
