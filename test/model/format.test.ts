import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  formatBounds,
  formatBytes,
  formatCount,
  formatCountOf,
  formatDuration,
  formatList,
  formatRate,
  formatTime,
} from '../../model/format.ts';
import { always } from '../support/always.ts';

describe('numbers in messages', () => {
  it('prints bytes in decimal units with one digit after the point', () => {
    assert.deepEqual([0, 999, 1000, 999_949, 999_950, 12_345_678, 1_200_000_000, 2.5e18, -1500].map(formatBytes), [
      '0 B',
      '999 B',
      '1.0 kB',
      '999.9 kB',
      '1.0 MB',
      '12.3 MB',
      '1.2 GB',
      '2500.0 PB',
      '-1.5 kB',
    ]);
    assert.equal(formatRate(85_000_000), '85.0 MB/s');
    assert.equal(formatBytes(Number.NaN), '? B');
  });

  it('prints durations in the two units that matter', () => {
    assert.deepEqual(
      [
        0, 350, 999.6, 1000, 1_500, 9_949, 9_950, 42_000, 59_999, 60_000, 125_000, 3_599_600, 7_380_000, 86_399_999, 273_600_000,
        -1_500,
      ].map(formatDuration),
      [
        '0 ms',
        '350 ms',
        '1 s',
        '1 s',
        '1.5 s',
        '9.9 s',
        '10 s',
        '42 s',
        '1 min 00 s',
        '1 min 00 s',
        '2 min 05 s',
        '1 h 00 min',
        '2 h 03 min',
        '1 d 00 h',
        '3 d 04 h',
        '-1.5 s',
      ],
    );
  });

  it('never prints 60 seconds, 60 minutes or 24 hours, nor 1000 of a unit', () => {
    always(
      fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (ms) => {
        assert.doesNotMatch(formatDuration(ms), /\b60 s|\b60 min|\b24 h|^1000 ms/);
        assert.doesNotMatch(formatBytes(ms), /^1000/);
      }),
    );
  });

  it('groups counts by thousands, and reads back as the same number', () => {
    assert.deepEqual([0, 999, 1000, 1_234_567].map(formatCount), ['0', '999', '1,000', '1,234,567']);
    always(fc.property(fc.maxSafeInteger(), (n) => Number(formatCount(n).replaceAll(',', '')) === n));
    assert.deepEqual(
      [formatCountOf(1, 'key'), formatCountOf(2, 'key'), formatCountOf(2, 'library', 'libraries')],
      ['1 key', '2 keys', '2 libraries'],
    );
  });

  it('prints times in UTC, whatever the machine is set to', () => {
    assert.equal(formatTime(Date.parse('2026-08-01T06:05:59.999Z')), '2026-08-01 06:05 UTC');
    assert.equal(formatTime(Date.parse('2026-08-01T06:05:59.999Z'), 'seconds'), '2026-08-01 06:05:59 UTC');
    assert.equal(formatTime(Number.NaN), 'an unknown time');
  });

  it('says "at most" when nothing is certain', () => {
    assert.deepEqual(
      [
        { atLeast: 5, atMost: 5 },
        { atLeast: 0, atMost: 1200 },
        { atLeast: 3, atMost: 5 },
      ].map(formatBounds),
      ['5', 'at most 1,200', '3 to 5'],
    );
    assert.deepEqual([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(formatList), ['', 'a', 'a and b', 'a, b and c']);
  });
});
