import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { DataClass } from '../../../model/data-class.ts';
import { KeyClasses } from '../../../redis/rdb/key-classes.ts';
import { pipeline } from '../../support/pipeline.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';

const classOf = (patterns: string[], key: string): number => {
  const classes = patterns.map(
    (pattern, n): DataClass => ({ name: `${n}`, pattern, expiry: 'fixed', recreatable: false, sensitive: false, whenLost: '' }),
  );
  const bytes = Buffer.from(`before${key}after`);
  const start = 'before'.length;
  return new KeyClasses(classes).classOf(bytes, start, bytes.length - 'after'.length, true);
};
const matches = (pattern: string, key: string): boolean => classOf([pattern], key) === 0;

describe('the pattern of a data class', () => {
  const examples: [pattern: string, matching: string[], others: string[]][] = [
    ['session:*', ['session:', 'session:1', 'session:*'], ['session', 'sessions:1', 'xsession:1', '']],
    ['config', ['config'], ['config:', 'confi', '']],
    ['*:session', [':session', 'a:session', 'a:session:session'], ['session', 'a:session:']],
    ['user:?:*', ['user:1:', 'user:x:y'], ['user::', 'user:12:']],
    ['h[ae]llo', ['hello', 'hallo'], ['hillo', 'hllo']],
    ['h[^e]llo', ['hallo', 'hbllo'], ['hello']],
    ['h[a-b]*', ['ha', 'hbxyz'], ['hc', 'h']],
    ['h[b-a]', ['ha', 'hb'], ['hc']],
    ['a\\*b', ['a*b'], ['axb', 'ab']],
    ['[\\]]', [']'], ['\\', '[']],
    ['*a*b*c', ['abc', 'xaxbxc', 'aabbcc'], ['acb', 'ab']],
    ['*', ['', 'anything'], []],
    ['', [''], ['a']],
    ['ключ:*', ['ключ:1'], ['ключ']],
  ];
  for (const [pattern, matching, others] of examples) {
    it(`"${pattern}" means what it means in SCAN … MATCH`, () => {
      for (const key of matching) assert.equal(matches(pattern, key), true, `"${key}" should match`);
      for (const key of others) assert.equal(matches(pattern, key), false, `"${key}" should not match`);
    });
  }

  it('gives a key to the first class that matches, and the rest to `other`', () => {
    const patterns = ['cache:hot:*', 'cache:*', '*:tmp'];
    assert.deepEqual(
      ['cache:hot:1', 'cache:1', 'x:tmp', 'cache:tmp', 'y'].map((key) => classOf(patterns, key)),
      [0, 1, 2, 1, 3],
    );
  });

  describe('beside a real Redis', () => {
    let redis: RedisServer;
    before(async () => {
      redis = await startRedis();
    });
    after(() => redis?.[Symbol.asyncDispose]());

    it('finds the same keys as KEYS, whatever the pattern', async () => {
      const letters = fc.constantFrom('a', 'b', 'c', '-', ']', '[', '^', '\\', '*', '?');
      const word = fc.array(letters, { minLength: 1, maxLength: 6 }).map((list) => list.join(''));
      const keys = [...new Set(fc.sample(word, { numRuns: 400, seed: 1 }))];
      await pipeline(
        { port: redis.port },
        keys.map((key) => ['SET', key, '']),
      );
      await fc.assert(
        fc.asyncProperty(word, async (pattern) => {
          const theirs = (await redis.command('KEYS', pattern)) as string[];
          assert.deepEqual(keys.filter((key) => matches(pattern, key)).sort(), theirs.sort(), `pattern ${pattern}`);
        }),
        { numRuns: 500 },
      );
    });
  });
});
