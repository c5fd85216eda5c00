import assert from 'node:assert/strict';
import {
  isBackToNormal,
  nextLook,
  noteOfRates,
  nothingSeen,
  type SeenRates,
  verdictOfRates,
} from '../../../model/recovery/authentication-watch.ts';

const looks = (rates: (number | string)[], normal?: number): SeenRates =>
  rates.reduce<SeenRates>(
    (seen, rate) => nextLook(seen, typeof rate === 'number' ? { perSecond: rate } : { why: rate }, normal),
    nothingSeen,
  );
const early = { elapsedMs: 1000, limitMs: 3_600_000 };

describe('The rate of sign-ins', () => {
  it('is back to normal after three looks in a row that follow a spike', () => {
    assert.equal(isBackToNormal(looks([50, 12, 11], 10), early), false);
    assert.equal(isBackToNormal(looks([50, 12, 30, 11, 10], 10), early), false);
    const back = looks([50, 12, 11, 10], 10);
    assert.equal(isBackToNormal(back, early), true);
    const { verdict, text } = verdictOfRates(back, { normalPerSecond: 10, seconds: 60, back: true });
    assert.deepEqual(
      [verdict, text],
      ['back-to-normal', 'back to normal: 10 a second now, 50 a second at most, 10 a second are usual'],
    );
  });

  it('is not normal before people had time to come', () => {
    const calm = looks([10, 10, 10], 10);
    assert.equal(isBackToNormal(calm, early), false);
    assert.equal(isBackToNormal(calm, { ...early, elapsedMs: 120_000 }), true);
    assert.match(verdictOfRates(calm, { normalPerSecond: 10, seconds: 120, back: true }).text, /^no spike: /);
  });

  it('is still high at the limit', () => {
    const { verdict, peakPerSecond } = verdictOfRates(looks([50, 40], 10), { normalPerSecond: 10, seconds: 3600, back: false });
    assert.deepEqual([verdict, peakPerSecond], ['still-high', 50]);
  });

  it('does not have to be nothing where it is usually nothing', () => {
    assert.equal(looks([0.1], 0).calm, 1);
    assert.equal(looks([0.2], 0).calm, 0);
  });

  it('cannot be told without an answer, or without a rate from before', () => {
    const silent = looks(['http://x gives no answer within 5000 ms'], 10);
    assert.match(
      verdictOfRates(silent, { normalPerSecond: 10, seconds: 9, back: false }).text,
      /never answered: http:\/\/x gives no answer/,
    );
    assert.equal(noteOfRates(silent, 10), 'http://x gives no answer within 5000 ms');
    const { verdict, text } = verdictOfRates(looks([5]), { seconds: 9, back: false });
    assert.equal(verdict, 'cannot-be-told');
    assert.match(text, /5 a second now, 5 a second at most; nothing is recorded/);
  });

  it('keeps its row over a look that gave nothing', () => {
    assert.equal(looks([50, 10, 10, 'away', 10], 10).calm, 3);
  });
});
