import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { STREAM_BEGIN } from '../../../model/archive/stream-state.ts';
import { type RecentKeysOptions, recentKeys } from '../../../redis/log/recent-keys.ts';
import { command, log, streamOf } from '../support/log-bytes.ts';

const NOW = 1_800_000_000_000;

async function keysIn(bytes: Buffer, parts: Partial<RecentKeysOptions> = {}, ...sizes: number[]): Promise<string[]> {
  const { keys } = await recentKeys(streamOf(bytes, ...(sizes.length > 0 ? sizes : [bytes.length])), {
    state: STREAM_BEGIN,
    startOffset: 0,
    from: 0,
    wanted: (key) => key.toString().startsWith('session:'),
    most: 100,
    aliveAtMs: NOW,
    ...parts,
  });
  return keys.map(({ db, key }) => `${db} ${key}`);
}

const SELECT = command('SELECT', '0');

describe('The sessions that a log wrote last', () => {
  it('are those that it set and did not take away, in the order of their last writes', async () => {
    const bytes = log(
      SELECT,
      command('SET', 'session:1', 'x', 'PXAT', NOW + 1000),
      command('HSET', 'session:2', 'user', 'ann'),
      command('SET', 'session:3', 'x'),
      command('SET', 'other', 'x'),
      command('PEXPIREAT', 'session:1', NOW + 5000),
      command('DEL', 'session:3'),
      command('SELECT', '5'),
      command('SET', 'session:1', 'x', 'EXAT', NOW / 1000 + 9),
      command('UNLINK', 'session:2'),
    );
    assert.deepEqual(await keysIn(bytes), ['0 session:2', '0 session:1', '5 session:1']);
  });

  it('are none that have expired by then', async () => {
    const bytes = log(SELECT, command('SET', 'session:1', 'x', 'PXAT', NOW), command('SET', 'session:2', 'x', 'PXAT', NOW + 1));
    assert.deepEqual(await keysIn(bytes), ['0 session:2']);
  });

  it('are none that something unusual was done to', async () => {
    const bytes = log(
      SELECT,
      ...['1', '2', '3', '4'].map((name) => command('SET', `session:${name}`, 'x')),
      command('RENAME', 'session:1', 'x'),
      command('SET', 'session:2', 'x', 'PX', '5'),
      command('APPEND', 'session:5', 'x'),
      command('SET', 'session:4', 'x', 'KEEPTTL'),
    );
    assert.deepEqual(await keysIn(bytes), ['0 session:3', '0 session:4']);
    assert.deepEqual(await keysIn(log(bytes, command('FLUSHALL'))), []);
    assert.deepEqual(await keysIn(log(bytes, command('DEL', ...Array.from({ length: 40 }, (_, i) => `session:${i}`)))), []);
  });

  it('are the last ones only, of what stands behind an offset', async () => {
    const head = log(SELECT, command('SET', 'session:before', 'x'));
    const bytes = log(head, ...Array.from({ length: 10 }, (_, i) => command('SET', `session:${i}`, 'x')));
    assert.deepEqual(await keysIn(bytes, { from: head.length, most: 2 }), ['0 session:8', '0 session:9']);
    const { written } = await recentKeys(streamOf(bytes, 50), {
      state: STREAM_BEGIN,
      startOffset: 0,
      from: head.length,
      wanted: () => true,
      most: 2,
      aliveAtMs: NOW,
    });
    assert.equal(written, 10);
  });

  it('are the same wherever the pieces of the log end', async () => {
    const aWrite = fc
      .record({ name: fc.nat(9), value: fc.nat(3000), kind: fc.constantFrom('SET', 'DEL', 'HSET', 'PEXPIREAT') })
      .map(({ name, value, kind }) => {
        const key = `session:${name}`;
        if (kind === 'DEL') return command('DEL', key);
        if (kind === 'PEXPIREAT') return command(kind, key, NOW + value);
        return kind === 'HSET'
          ? command(kind, key, 'field', 'v'.repeat(value))
          : command(kind, key, 'v'.repeat(value), 'PXAT', NOW + 1);
      });
    await fc.assert(
      fc.asyncProperty(
        fc.array(aWrite, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
        async (all, sizes) => {
          const bytes = log(SELECT, ...all);
          assert.deepEqual(await keysIn(bytes, {}, ...sizes), await keysIn(bytes));
        },
      ),
    );
  });
});
