import assert from 'node:assert/strict';
import { emptyClassCensus, TTL_BOUNDS_SECONDS } from '../../../model/backup/census.ts';
import { DEFAULT_DATA_CLASSES } from '../../../model/data-class.ts';
import { classLosses } from '../../../model/restore/class-loss.ts';
import { manifest } from '../../fixtures/plan.ts';

const options = { classes: DEFAULT_DATA_CLASSES, bounds: TTL_BOUNDS_SECONDS, elapsedSeconds: 0 };
const named = (losses: ReturnType<typeof classLosses>, name: string) => losses.find((one) => one.name === name);

describe('classes of a backup', () => {
  it('says what is alive, as a range where the census is too coarse', () => {
    const at = (elapsedSeconds: number) =>
      named(classLosses(manifest().census, { ...options, elapsedSeconds }), 'sessions')?.aliveNow;
    assert.deepEqual(at(3_600), { atLeast: 120_000, atMost: 120_000 });
    assert.deepEqual(at(7_000), { atLeast: 100_000, atMost: 120_000 });
    assert.deepEqual(at(90_000), { atLeast: 0, atMost: 0 });
  });

  it('does not know what the loss of an unnamed class means, and says so', () => {
    const census = { ...manifest().census, classes: [emptyClassCensus('carts'), emptyClassCensus('other')] };
    const [carts, other] = classLosses(census, options);
    assert.deepEqual([carts?.whenLost, carts?.expiry], ['unknown', 'unknown']);
    assert.equal(other?.whenLost, 'unknown: no data class names these keys');
  });
});
