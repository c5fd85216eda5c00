import assert from 'node:assert/strict';
import { suggest } from '../../config/suggest.ts';
import { parseDuration, parseSize } from '../../config/units.ts';

describe('durations and sizes', () => {
  const DURATIONS: [string, number | undefined][] = [
    ['90s', 90_000],
    ['15m', 900_000],
    ['6h', 21_600_000],
    ['7d', 604_800_000],
    ['0s', 0],
    ['6', undefined],
    ['6 h', undefined],
    ['6h30m', undefined],
    ['1.5h', undefined],
    ['-6h', undefined],
    ['6H', undefined],
    ['6hours', undefined],
    [' 6h', undefined],
    ['6h\n', undefined],
    ['', undefined],
    ['99999999999d', undefined],
  ];
  for (const [text, ms] of DURATIONS) {
    it(`reads the duration ${JSON.stringify(text)} as ${ms === undefined ? 'nothing' : `${ms} ms`}`, () =>
      assert.equal(parseDuration(text), ms));
  }

  const SIZES: [string, number | undefined][] = [
    ['512B', 512],
    ['4GiB', 4 * 2 ** 30],
    ['4GB', 4e9],
    ['10kB', 10_000],
    ['4G', undefined],
    ['4gib', undefined],
    ['4096', undefined],
    ['1.5GiB', undefined],
    ['4toString', undefined],
  ];
  for (const [text, bytes] of SIZES) {
    it(`reads the size ${JSON.stringify(text)} as ${bytes === undefined ? 'nothing' : `${bytes} bytes`}`, () =>
      assert.equal(parseSize(text), bytes));
  }

  it('guesses the word that was meant, and guesses nothing when no word is near', () => {
    const known = ['repository', 'temporal', 'url', 'instances'];
    assert.equal(suggest('repositry', known), 'repository');
    assert.equal(suggest('Instances', known), 'instances');
    assert.equal(suggest('ulr', known), 'url');
    assert.equal(suggest('retention', known), undefined);
    assert.equal(suggest('', known), undefined);
  });
});
