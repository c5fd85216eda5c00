import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  aliveAt,
  createExpiryTimeline,
  type ExpiryTimeline,
  keysOf,
  narrowTimeline,
} from '../../../model/backup/expiry-timeline.ts';
import { always } from '../../support/always.ts';

const FROM = Date.parse('2026-08-01T06:00:00Z');
const HORIZON = 60;

const timelineOf = (expiries: readonly (number | null)[], horizonSeconds = HORIZON): ExpiryTimeline => {
  const builder = createExpiryTimeline({ fromMs: FROM, horizonSeconds });
  for (const expiry of expiries) {
    if (expiry === null) builder.addPersistent();
    else builder.add(expiry);
  }
  return builder.toTimeline();
};

/** What Redis does: a key lives up to and including its expiry millisecond. */
const reallyAlive = (expiries: readonly (number | null)[], ms: number): number =>
  expiries.filter((at) => at === null || at >= ms).length;

const anExpiry = fc.option(fc.integer({ min: FROM - 5_000, max: FROM + (HORIZON + 5) * 1000 }), { nil: null });
const aMoment = fc.integer({ min: FROM - 10_000, max: FROM + (HORIZON + 10) * 1000 });

describe('expiry timeline', () => {
  it('bounds the living keys at every moment', () => {
    always(
      fc.property(fc.array(anExpiry), aMoment, (expiries, ms) => {
        const { atLeast, atMost } = aliveAt(timelineOf(expiries), ms);
        const alive = reallyAlive(expiries, ms);
        assert.ok(atLeast <= alive && alive <= atMost, `${atLeast} <= ${alive} <= ${atMost}`);
      }),
    );
  });

  it('is exact within the horizon but for the keys of that very second', () => {
    always(
      fc.property(fc.array(anExpiry), fc.integer({ min: FROM, max: FROM + HORIZON * 1000 - 1 }), (expiries, ms) => {
        const { atLeast, atMost } = aliveAt(timelineOf(expiries), ms);
        const second = (at: number): number => Math.floor((at - FROM) / 1000);
        const now = expiries.filter((at) => at !== null && second(at) === second(ms)).length;
        assert.ok(atMost - atLeast <= now);
      }),
    );
  });

  it('knows that keys which had expired before it began may live for a clock that is behind', () => {
    assert.deepEqual(aliveAt(timelineOf([FROM - 1, null]), FROM - 500), { atLeast: 1, atMost: 2 });
    assert.deepEqual(aliveAt(timelineOf([FROM - 1, null]), FROM), { atLeast: 1, atMost: 1 });
  });

  it('keeps a key alive in its last millisecond, as Redis does', () => {
    assert.deepEqual(aliveAt(timelineOf([FROM + 999]), FROM + 1000), { atLeast: 0, atMost: 0 });
    assert.deepEqual(aliveAt(timelineOf([FROM + 1000]), FROM + 1000), { atLeast: 1, atMost: 1 });
  });

  it('counts every key once, and survives JSON', () => {
    always(
      fc.property(fc.array(anExpiry), (expiries) => {
        const timeline = timelineOf(expiries);
        assert.equal(keysOf(timeline), expiries.length);
        assert.deepEqual(JSON.parse(JSON.stringify(timeline)), timeline);
      }),
    );
  });

  it('says the same between two moments when only these were kept', () => {
    always(
      fc.property(fc.array(anExpiry), aMoment, aMoment, fc.nat(), (expiries, a, b, part) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const whole = timelineOf(expiries);
        const narrow = narrowTimeline(whole, from, to);
        const ms = from + (part % (to - from + 1));
        assert.equal(keysOf(narrow), expiries.length);
        const alive = reallyAlive(expiries, ms);
        const { atLeast, atMost } = aliveAt(narrow, ms);
        assert.ok(atLeast <= alive && alive <= atMost);
        if (ms >= FROM && ms < FROM + HORIZON * 1000) assert.deepEqual({ atLeast, atMost }, aliveAt(whole, ms));
      }),
    );
  });

  it('stays small in the history of a workflow: five minutes of a day of sessions are under 5 kB', () => {
    const builder = createExpiryTimeline({ fromMs: FROM });
    for (let second = 0; second < 86_400; second += 1) builder.add(FROM + second * 1000);
    const narrow = narrowTimeline(builder.toTimeline(), FROM + 60_000, FROM + 360_000);
    assert.ok(JSON.stringify(narrow).length < 5_000);
    assert.equal(keysOf(narrow), 86_400);
  });
});
