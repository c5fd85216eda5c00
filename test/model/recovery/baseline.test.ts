import assert from 'node:assert/strict';
import { backupIdAt } from '../../../model/instance.ts';
import { type Baseline, knownBefore } from '../../../model/recovery/baseline.ts';
import { server } from '../../fixtures/plan.ts';

const NOON = Date.parse('2026-08-09T12:00:00Z');
const HOUR = 3600_000;

/** A window that ended so many hours before noon. */
const seen = (hoursAgo: number, hitPercent: number, parts: Partial<Baseline> = {}): Baseline => ({
  formatVersion: 1,
  kind: 'baseline',
  baselineId: backupIdAt(NOON - hoursAgo * HOUR),
  instance: 'main',
  shard: '0',
  windowSeconds: 30,
  lookups: 1000,
  hits: hitPercent * 10,
  keys: 5,
  replicas: [],
  server: server(),
  ...parts,
});

const known = (all: Baseline[], failedAtMs = NOON) => knownBefore(all, { failedAtMs, nowMs: NOON, minLookups: 100 });

describe('What is known of before a failure', () => {
  it('is the median of the same hour of the last seven days', () => {
    const all = [seen(8 * 24, 1), seen(72, 90), seen(48.9, 70), seen(24, 80), seen(18, 10), seen(6, 20)];
    assert.deepEqual(known(all), { hitRate: 0.8, from: 'same hour of earlier days' });
    assert.equal(known([seen(48, 70), seen(24, 80)]).hitRate, 0.75);
  });

  it('is the last window where no day has that hour, and not one of today', () => {
    assert.deepEqual(known([seen(30, 90), seen(6, 70)]), { hitRate: 0.7, from: 'last window before the failure' });
    assert.equal(known([seen(0.5, 70)]).from, 'last window before the failure');
  });

  it('is nothing of what was seen since the failure, or in a quiet window', () => {
    assert.deepEqual(known([seen(6, 70), seen(1, 20)], NOON - 2 * HOUR).hitRate, 0.7);
    assert.deepEqual(known([seen(6, 70, { lookups: 99, hits: 1 })]), { from: 'none' });
    assert.deepEqual(known([]), { from: 'none' });
  });

  it('has the authentication rate of the same hour, or the last one, in quiet windows too', () => {
    const quiet = { lookups: 0, hits: 0 };
    assert.equal(
      known([seen(24, 0, { ...quiet, authenticationPerSecond: 2 }), seen(6, 0, { authenticationPerSecond: 9 })])
        .authenticationPerSecond,
      2,
    );
    assert.equal(known([seen(6, 0, { authenticationPerSecond: 9 })]).authenticationPerSecond, 9);
  });
});
