import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { WarmupSettings } from '../../../model/recovery/settings.ts';
import {
  isDecided,
  missingClasses,
  nextWindow,
  noteOfWarmth,
  startOfWarmth,
  verdictOfWarmth,
  type Warmth,
  warmTarget,
} from '../../../model/recovery/warmth.ts';
import { always } from '../../support/always.ts';

const SETTINGS: WarmupSettings = { tolerance: 0.05, windowMs: 30_000, windows: 3, minLookups: 100, limitMs: 3_600_000 };
const TARGET = 0.8;

/** Windows of so many hits of so many lookups, one after the other, of one process. */
function come(
  windows: [hits: number, lookups: number][],
  { target = TARGET as number | undefined, runId = 'a', warmth = startOfWarmth } = {},
): Warmth {
  const { hits = 0, misses = 0 } = warmth.last ?? {};
  let now = { runId, hits, misses };
  let state = warmth.last?.runId === runId ? warmth : nextWindow(warmth, now, SETTINGS, target);
  for (const [hit, lookups] of windows) {
    now = { runId, hits: now.hits + hit, misses: now.misses + lookups - hit };
    state = nextWindow(state, now, SETTINGS, target);
  }
  return state;
}

describe('A cache', () => {
  it('is warm after enough windows in a row that are near the target', () => {
    const two = come([
      [10, 100],
      [75, 100],
      [90, 100],
    ]);
    assert.deepEqual([two.inRow, isDecided(two, SETTINGS, TARGET)], [2, false]);
    assert.equal(noteOfWarmth(two, SETTINGS, TARGET), 'hit 90 % of target 80 %, 2 of 3 windows');
    const three = come([[80, 100]], { warmth: two });
    assert.equal(isDecided(three, SETTINGS, TARGET), true);
    const wanted = { target: TARGET, targetFrom: 'configuration' as const };
    assert.deepEqual(verdictOfWarmth(three, SETTINGS, wanted, { seconds: 90 }), {
      verdict: 'warm',
      hitRate: 0.8,
      target: 0.8,
      targetFrom: 'configuration',
      seconds: 90,
      text: 'warm: 80 %',
    });
  });

  it('begins anew with another process, and with counters that were reset', () => {
    const two = come([
      [80, 100],
      [80, 100],
    ]);
    assert.equal(come([], { warmth: two, runId: 'b' }).inRow, 0);
    assert.equal(nextWindow(two, { runId: 'a', hits: 0, misses: 500 }, SETTINGS, TARGET).inRow, 0);
  });

  it('is told nothing by a quiet window', () => {
    const quiet = come([
      [80, 100],
      [0, 99],
    ]);
    assert.deepEqual([quiet.inRow, quiet.hitRate], [1, 0.8]);
    assert.match(noteOfWarmth(quiet, SETTINGS, TARGET), /1 of 3 windows, only 99 lookups in the last window/);
    const never = verdictOfWarmth(come([[0, 5]]), SETTINGS, { target: TARGET, targetFrom: 'configuration' }, { seconds: 9 });
    assert.deepEqual([never.verdict, never.text], ['cannot-be-told', 'cannot be told: no window of 30 s had 100 lookups']);
  });

  it('is not warm at the limit, and what is missing is named', () => {
    const { verdict, text } = verdictOfWarmth(
      come([[61, 100]]),
      SETTINGS,
      warmTarget(SETTINGS, { hitRate: 0.9, from: 'same hour of earlier days' }),
      {
        seconds: 3600,
        missing: ['sessions'],
      },
    );
    assert.deepEqual([verdict, text], ['not-warm', 'not warm: 61 % of 90 %, sessions missing']);
  });

  it('cannot be told where nothing is known from before, after three windows and with the rate', () => {
    const none = warmTarget(SETTINGS);
    const two = come(
      [
        [61, 100],
        [61, 100],
      ],
      { target: undefined },
    );
    assert.equal(isDecided(two, SETTINGS, none.target), false);
    const three = come([[62, 100]], { target: undefined, warmth: two });
    assert.equal(isDecided(three, SETTINGS, none.target), true);
    const { verdict, text, hitRate, targetFrom } = verdictOfWarmth(three, SETTINGS, none, { seconds: 90 });
    assert.deepEqual([verdict, hitRate, targetFrom], ['cannot-be-told', 0.62, 'none']);
    assert.equal(text, 'hit rate 62 %: nothing is recorded from before the failure to compare with');
  });

  it('is measured by the configuration before it is by what was seen', () => {
    const seen = { hitRate: 0.5, from: 'same hour of earlier days' } as const;
    assert.deepEqual(warmTarget({ target: 0.9 }, seen), { target: 0.9, targetFrom: 'configuration' });
    assert.deepEqual(warmTarget({}, seen), { target: 0.5, targetFrom: 'same hour of earlier days' });
    assert.deepEqual(warmTarget({}, { from: 'none' }), { targetFrom: 'none' });
  });

  it('misses the classes that have less than half of what the backup had', () => {
    const counted = [
      { name: 'sessions', keys: 100, expired: 0 },
      { name: 'flags', keys: 10, expired: 10 },
      { name: 'cache', keys: 100, expired: 0 },
      { name: 'gone', keys: 5, expired: 0 },
    ];
    const now = [
      { name: 'sessions', atMost: 49 },
      { name: 'flags', atMost: 0 },
      { name: 'cache', atMost: 50 },
    ];
    assert.deepEqual(missingClasses(counted, now), ['sessions']);
  });

  it('is never called warm by a window below the target, whatever comes in which order', () => {
    const aReading = fc.record({ runId: fc.constantFrom('a', 'b'), hits: fc.nat(2000), misses: fc.nat(2000) });
    always(
      fc.property(fc.array(aReading, { maxLength: 30 }), (readings) => {
        let warmth = startOfWarmth;
        for (const reading of readings) {
          const before = warmth.last;
          warmth = nextWindow(warmth, reading, SETTINGS, TARGET);
          assert.ok(warmth.inRow <= warmth.told);
          if (!before || before.runId !== reading.runId) assert.equal(warmth.inRow, 0);
          if (warmth.inRow > 0) assert.ok((warmth.hitRate ?? 0) >= TARGET - SETTINGS.tolerance - 1e-6);
        }
      }),
    );
  });
});
