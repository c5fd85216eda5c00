import assert from 'node:assert/strict';
import { loadFiguresOf } from '../../model/load-log.ts';

const LOG = [
  '77:M 24 Nov 2026 04:22:38.920 * Done loading RDB, keys loaded: 1, keys expired: 0.',
  '99:M 24 Nov 2026 05:00:00.001 * Loading RDB produced by version 6.2.14',
  '99:M 24 Nov 2026 05:00:00.920 * Done loading RDB, keys loaded: 655, keys expired: 12, empty keys skipped: 3.',
  '99:M 24 Nov 2026 05:00:00.921 * Ready to accept connections',
];

describe('log of a load', () => {
  it('tells what a Redis 6.2 loaded, whose INFO does not', () => {
    assert.deepEqual(loadFiguresOf(LOG, 99), { keysLoaded: 655, keysExpired: 12, emptyKeysSkipped: 3 });
    assert.deepEqual(loadFiguresOf(LOG, 77), { keysLoaded: 1, keysExpired: 0, emptyKeysSkipped: 0 });
  });

  it('takes nothing from the process before, which loaded another file', () => {
    assert.equal(loadFiguresOf(LOG.slice(0, 2), 99), undefined);
    assert.equal(loadFiguresOf([], 99), undefined);
    assert.equal(loadFiguresOf(LOG, 9), undefined);
  });
});
