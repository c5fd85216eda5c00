import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { canLoad, compareVersions, lackingModules, maxRdbVersion } from '../../../model/restore/rdb-versions.ts';
import { always } from '../../support/always.ts';

const redis = (version: string) => ({ product: 'redis', version }) as const;
const valkey = (version: string) => ({ product: 'valkey', version }) as const;
const rdb = (version: number, magic: 'REDIS' | 'VALKEY' = 'REDIS') => ({ version, magic });

describe('RDB versions', () => {
  it('knows the highest RDB version of each release', () => {
    const expected = {
      '6.2.19': 9,
      '7.0.15': 10,
      '7.2.4': 11,
      '7.4.1': 12,
      '8.0.2': 12,
      '8.2.3': 12,
      '8.4.0': 12,
      '8.6.0': 13,
      '8.8.1': 14,
      '8.10.1': 15,
    };
    for (const [version, highest] of Object.entries(expected)) {
      assert.deepEqual(maxRdbVersion(redis(version)), { rdbVersion: highest, mayKnowMore: false }, version);
    }
    assert.deepEqual(
      ['7.2.7', '8.0.1', '8.1.0', '9.0.0', '9.2.0'].map((v) => maxRdbVersion(valkey(v)).rdbVersion),
      [11, 11, 11, 80, 81],
    );
  });

  it('refuses an RDB that is newer than the server, with both versions', () => {
    const { loadable, why } = canLoad(redis('7.0.15'), rdb(12));
    assert.equal(loadable, 'no');
    assert.equal(why, 'Redis 7.0.15 reads up to RDB version 10, and the backup is RDB version 12');
  });

  it('lets every server load what an older one of its kind wrote', () => {
    const versions = ['6.2.0', '7.0.0', '7.2.0', '7.4.0', '8.0.0', '8.6.0', '8.8.0', '8.10.0'];
    always(
      fc.property(fc.constantFrom(...versions), fc.constantFrom(...versions), (a, b) => {
        const [older, newer] = compareVersions(a, b) <= 0 ? [a, b] : [b, a];
        assert.equal(canLoad(redis(newer), rdb(maxRdbVersion(redis(older)).rdbVersion)).loadable, 'yes');
      }),
    );
  });

  it('keeps Redis and Valkey apart where their formats parted', () => {
    assert.equal(canLoad(redis('8.10.0'), rdb(80, 'VALKEY')).loadable, 'no');
    assert.equal(canLoad(valkey('8.0.1'), rdb(11)).loadable, 'yes');
    assert.equal(canLoad(valkey('9.0.0'), rdb(12)).loadable, 'no');
    assert.equal(canLoad(valkey('9.9.0'), rdb(12)).loadable, 'no');
    assert.equal(canLoad(valkey('8.1.0'), rdb(80, 'VALKEY')).loadable, 'no');
    assert.equal(canLoad(valkey('9.2.0'), rdb(80, 'VALKEY')).loadable, 'yes');
  });

  it('admits what it cannot know of a server newer than its table', () => {
    assert.equal(canLoad(redis('9.0.0'), rdb(16)).loadable, 'unknown');
    assert.equal(canLoad(redis('9.0.0'), rdb(15)).loadable, 'yes');
    assert.equal(canLoad(redis('8.10.7'), rdb(16)).loadable, 'no');
  });

  it('orders versions by number: 8.10 is newer than 8.6', () => {
    assert.ok(compareVersions('8.10.0', '8.6.9') > 0);
    assert.ok(compareVersions('7.0', '7.0.0') === 0);
    assert.ok(compareVersions('255.255.255', '8.0.0') > 0);
  });
});

describe('modules of an RDB', () => {
  it('finds a type under the name of its module', () => {
    assert.deepEqual(lackingModules(['ReJSON-RL', 'MBbloom--'], ['ReJSON', 'bf'], ['ReJSON', 'bf']), []);
    assert.deepEqual(lackingModules(['vectorset'], ['vectorset'], []), [{ type: 'vectorset', wants: 'module vectorset' }]);
  });

  it('judges an unknown type by the modules of the server that wrote it', () => {
    assert.deepEqual(lackingModules(['acmetype1'], ['acme'], ['acme', 'other']), []);
    assert.deepEqual(lackingModules(['acmetype1'], ['acme', 'other'], ['other']), [
      { type: 'acmetype1', wants: 'one of the modules acme' },
    ]);
    assert.deepEqual(lackingModules(['acmetype1'], [], ['other']), [
      { type: 'acmetype1', wants: 'a module that redis-backup cannot name' },
    ]);
  });
});
