import assert from 'node:assert/strict';
import { loadFiguresOf, loadWarningsOf } from '../../../model/restore/load-log.ts';

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

describe('what a load has left out', () => {
  const cut = (text: string) =>
    loadWarningsOf([`99:M 24 Nov 2026 05:00:00.001 # ${text}`], 99, { 'appendonly.aof.2.incr.aof': 150 });

  it('is said with the bytes that are lost, where the size before is known', () => {
    const lost = 'Redis cut the append-only log appendonly.aof.2.incr.aof off at byte 100: 50 bytes are lost.';
    assert.deepEqual(cut('Truncating the AOF appendonly.aof.2.incr.aof at offset 100'), [lost]);
    assert.deepEqual(cut('!!! Truncating the AOF at offset 100 !!!'), [lost]);
    assert.deepEqual(cut('Truncating the AOF other.aof at offset 100'), [
      'Redis cut the append-only log other.aof off at byte 100: how much was behind it is not known.',
    ]);
  });

  it('is said of a transaction', () => {
    const line = 'Revert incomplete MULTI/EXEC transaction from AOF file appendonly.aof.2.incr.aof';
    assert.match(cut(line)[0] ?? '', /ended within a transaction/);
  });

  it('is nothing where all was loaded, and nothing of the process before', () => {
    assert.deepEqual(loadWarningsOf(LOG, 99), []);
    assert.deepEqual(loadWarningsOf(['98:M 24 Nov 2026 05:00:00.001 # Truncating the AOF a at offset 1'], 99), []);
  });
});
