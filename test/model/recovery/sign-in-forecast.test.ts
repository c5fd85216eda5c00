import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { TTL_BOUNDS_SECONDS } from '../../../model/backup/census.ts';
import { type ForecastFacts, forecastSignIns, formatRequestRate } from '../../../model/recovery/sign-in-forecast.ts';
import { always } from '../../support/always.ts';

const ttlOf = (keysByBound: Record<number, number>): number[] =>
  [...TTL_BOUNDS_SECONDS, Number.POSITIVE_INFINITY].map((bound) => keysByBound[bound] ?? 0);

const facts = (parts: Partial<ForecastFacts> = {}): ForecastFacts => ({
  lost: { atLeast: 9_000, atMost: 10_000 },
  name: 'sessions',
  expiry: 'sliding',
  ttlSeconds: 1800,
  counted: { ttl: ttlOf({ 900: 6_000, 1800: 4_000 }), persistent: 0 },
  ...parts,
});

const someFacts: fc.Arbitrary<ForecastFacts> = fc
  .record({
    low: fc.nat(100_000),
    more: fc.nat(100_000),
    expiry: fc.constantFrom('fixed' as const, 'sliding' as const),
    ttlSeconds: fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined }),
    ttl: fc.array(fc.nat(1000), { minLength: TTL_BOUNDS_SECONDS.length + 1, maxLength: TTL_BOUNDS_SECONDS.length + 1 }),
    persistent: fc.nat(100),
    isCounted: fc.boolean(),
    normalPerSecond: fc.option(fc.float({ min: 0, max: 1000, noNaN: true }), { nil: undefined }),
  })
  .map(({ low, more, ttl, persistent, isCounted, ...rest }) => ({
    ...rest,
    name: 'sessions',
    lost: { atLeast: low, atMost: low + more },
    ...(isCounted ? { counted: { ttl, persistent } } : {}),
  }));

describe('The forecast of sign-ins', () => {
  it('takes a sliding time to live for the last use: who was at work notices first, the others later', () => {
    const forecast = forecastSignIns(facts());
    assert.deepEqual([forecast?.atMostSignIns, forecast?.overSeconds], [4_000, 300]);
    assert.deepEqual(forecast?.peakPerSecond, { atLeast: 0, atMost: 13.33 });
    assert.equal(
      forecast?.text,
      '9,000 to 10,000 sessions lost: at most 4,000 sign-ins in the first 5 minutes, up to 13 a second. The others sign in when they come back.',
    );
  });

  it('knows nothing of who is at work from a fixed one: all may come at once', () => {
    const forecast = forecastSignIns(facts({ expiry: 'fixed' }));
    assert.equal(forecast?.atMostSignIns, 10_000);
    assert.equal(forecast?.peakPerSecond.atMost, 33.33);
  });

  it('is calibrated by the recorded rate: many sessions have no sign-in behind them', () => {
    // 4,000 sessions began in 900 s, 4.4 a second, with 1 request a second
    const forecast = forecastSignIns(facts({ expiry: 'fixed', normalPerSecond: 1 }));
    assert.equal(forecast?.atMostSignIns, 2_250);
    assert.equal(forecast?.peakPerSecond.atMost, 8.5);
    assert.match(forecast?.text ?? '', /up to 8\.5 a second, where 1 a second are usual\. Not every session/);
  });

  it('is the worst case where no census is, and none where nothing is lost', () => {
    assert.equal(forecastSignIns(facts({ counted: undefined }))?.atMostSignIns, 10_000);
    assert.equal(forecastSignIns(facts({ lost: { atLeast: 0, atMost: 0 } })), undefined);
  });

  it('is never negative, never above what is lost, and a range', () => {
    always(
      fc.property(someFacts, (any) => {
        const forecast = forecastSignIns(any);
        if (!forecast) return;
        const { atMostSignIns, peakPerSecond } = forecast;
        assert.ok(0 <= atMostSignIns && atMostSignIns <= any.lost.atMost);
        assert.ok(0 <= peakPerSecond.atLeast && peakPerSecond.atLeast <= peakPerSecond.atMost + 0.011, JSON.stringify(forecast));
      }),
    );
  });

  it('never falls when more is lost', () => {
    always(
      fc.property(someFacts, fc.nat(100_000), (any, more) => {
        const { atLeast, atMost } = any.lost;
        const less = forecastSignIns(any)?.atMostSignIns ?? 0;
        assert.ok((forecastSignIns({ ...any, lost: { atLeast, atMost: atMost + more } })?.atMostSignIns ?? 0) >= less);
      }),
    );
  });

  it('is written as people say it', () => {
    assert.deepEqual(
      [formatRequestRate(0.44), formatRequestRate(3), formatRequestRate(1234.5)],
      ['0.4 a second', '3 a second', '1,235 a second'],
    );
  });
});
