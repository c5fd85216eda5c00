import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isFresh, wasHandled, withHandled } from '../../../model/watch/memory.ts';
import { renderWatch } from '../../../model/watch/page.ts';
import {
  failingWitnesses,
  isConfirmed,
  mergeRecoveries,
  restraintOf,
  type WatchStatus,
  type Witnesses,
  type WitnessView,
  withAlarm,
  witnessDoubt,
} from '../../../model/watch/watch.ts';

const side = fc.record({
  verdict: fc.constantFrom<WitnessView['verdict']>('serves', 'fails', 'unknown'),
  detail: fc.string({ maxLength: 20 }),
});
const witnesses: fc.Arbitrary<Witnesses> = fc.record({ worker: side, platform: side, application: side });
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SETTINGS = { mode: 'auto', everyMs: 5_000, afterMs: 30_000, coolDownMs: 600_000, mostPerHour: 2 } as const;
const at = (ms: number) => new Date(ms).toISOString();

describe('What a watcher decides', () => {
  it('never believes one side, whichever it is, and always two', () => {
    fc.assert(
      fc.property(witnesses, (given) => {
        const fails = Object.values(given).filter(({ verdict }) => verdict === 'fails').length;
        assert.equal(isConfirmed(given), fails >= 2);
        if (fails === 1) assert.ok(witnessDoubt(given).includes(`Only the side ${failingWitnesses(given)[0]} says`));
      }),
    );
  });

  it('lets an alarm add one voice, and never against what the applications say themselves', () => {
    fc.assert(
      fc.property(witnesses, (given) => {
        const application = withAlarm(given.application, { by: 'alert RedisDown' });
        if (given.application.verdict === 'unknown') assert.equal(application.verdict, 'fails');
        else assert.deepEqual(application, given.application);
        const alone = {
          ...given,
          worker: { ...given.worker, verdict: 'serves' },
          platform: { ...given.platform, verdict: 'unknown' },
        };
        assert.equal(isConfirmed({ ...alone, application } as Witnesses), false);
      }),
    );
  });

  it('holds back in the cool-down, which begins when a recovery ends, and after too many', () => {
    const nowMs = Date.parse('2026-08-01T10:00:00Z');
    const ended = (startedMs: number, endedMs: number) => ({
      runId: String(startedMs),
      startedAt: at(nowMs - startedMs),
      endedAt: at(nowMs - endedMs),
    });
    assert.equal(restraintOf([], SETTINGS, nowMs), undefined);
    assert.equal(restraintOf([ended(HOUR_MS, 599_000)], SETTINGS, nowMs), 'cool-down until 10:00:01 UTC after the last recovery');
    assert.equal(restraintOf([ended(HOUR_MS, 600_000)], SETTINGS, nowMs), undefined);
    const two = [ended(HOUR_MS - 1, HOUR_MS - 2), ended(700_000, 650_000)];
    assert.match(restraintOf(two, SETTINGS, nowMs) ?? '', /^2 recoveries within an hour, and mostPerHour is 2/);
    assert.equal(restraintOf(two, SETTINGS, nowMs + 1), undefined);
  });

  it('knows of a recovery what was seen last, and forgets old ones', () => {
    const before = [
      { runId: 'old', startedAt: at(0), endedAt: at(1) },
      { runId: 'a', startedAt: at(DAY_MS) },
    ];
    const seen = [{ runId: 'a', startedAt: at(DAY_MS), endedAt: at(DAY_MS + 5) }];
    assert.deepEqual(mergeRecoveries(before, seen, { nowMs: DAY_MS + 10, keepMs: HOUR_MS }), seen);
  });

  it('remembers an incident for a day, however often it comes, and no more of them than it can carry', () => {
    let handled = withHandled([], 'first', 0);
    assert.equal(wasHandled(handled, 'first', DAY_MS - 1), true);
    assert.equal(wasHandled(handled, 'first', DAY_MS), false);
    for (let n = 0; n < 2_000; n++) handled = withHandled(handled, `incident ${n % 700}`, n);
    assert.ok(handled.length <= 500);
    assert.equal(wasHandled(handled, 'incident 599', 2_000), true);
    assert.equal(isFresh({ atMs: 0 }, 599_999), true);
    assert.equal(isFresh({ atMs: 0 }, 600_000), false);
  });

  it('shows it on a page that fits into a URL', () => {
    const long = fc.string({ minLength: 100, maxLength: 3_000, unit: fc.constantFrom('a', '|', ' ', '\n', '`') });
    fc.assert(
      fc.property(long, long, fc.boolean(), (text, detail, asks) => {
        const view: WitnessView = { verdict: 'fails', detail };
        const status: WatchStatus = {
          instance: 'main',
          phase: asks ? 'asks' : 'held back',
          text,
          failingSince: '2026-08-01T10:42:07.000Z',
          witnesses: { worker: view, platform: view, application: view },
          ...(asks ? { question: { incident: '20260801T104207Z', text, askedAt: '2026-08-01T10:42:07.000Z' } } : {}),
          recoveries: [],
        };
        const page = renderWatch(status);
        assert.ok(Buffer.byteLength(page) < 2_000, page);
        assert.equal(page.split('\n').filter((line) => line.startsWith('|')).length, 5);
      }),
      { numRuns: 50 },
    );
  });
});
