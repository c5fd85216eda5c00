import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { steadyClock } from '../../../activities/archive/clock.ts';
import { always } from '../../support/always.ts';

const HOUR = 3600_000;

describe('The clock of the continuous log', () => {
  it('goes with the clock of the machine', () => {
    let wall = 1000;
    const clock = steadyClock(
      () => wall,
      0,
      () => wall,
    );
    assert.equal(clock(), 1000);
    wall += 250;
    assert.equal(clock(), 1250);
  });

  it('begins no earlier than the archive ends, and is right again in twice the time', () => {
    let passed = 0;
    const clock = steadyClock(
      () => passed,
      HOUR,
      () => passed,
    );
    assert.equal(clock(), HOUR);
    passed = HOUR;
    assert.equal(clock(), 1.5 * HOUR);
    passed = 2 * HOUR;
    assert.equal(clock(), 2 * HOUR);
    passed = 3 * HOUR;
    assert.equal(clock(), 3 * HOUR);
  });

  it('never steps back and never stands still for a second, whoever sets the clock of the machine', () => {
    always(
      fc.property(fc.array(fc.record({ passed: fc.nat(10_000), set: fc.integer({ min: -HOUR, max: HOUR }) })), (steps) => {
        let [wall, counted] = [0, 0];
        const clock = steadyClock(
          () => wall,
          0,
          () => counted,
        );
        let before = clock();
        for (const { passed, set } of steps) {
          counted += passed;
          wall += passed + set;
          const now = clock();
          assert.ok(now >= before && now - before >= Math.floor(passed / 2) - 1);
          before = now;
        }
      }),
    );
  });
});
