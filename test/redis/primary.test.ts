import assert from 'node:assert/strict';
import type { PrimaryProgress } from '../../redis/replication/primary.ts';
import { isAtLeast, redisBinaries } from '../support/redis-binaries.ts';
import { startRedis } from '../support/redis-server.ts';
import { until } from '../support/until.ts';
import { digestOf, gatedFeedOf } from './support/live-source.ts';
import { newData, serve, startTarget, tellToFollow, watchReads } from './support/live-target.ts';

describe('being the primary of a live load', () => {
  for (const binary of redisBinaries()) {
    describe(`for ${binary.label}`, () => {
      it('brings RDB and log to it, proves it by its own acknowledgement, and is left without a trace', async () => {
        const data = await newData({ binary: binary.path });
        await using target = await startTarget({ binary: binary.path, config: { appendonly: 'yes' } });
        const progress: PrimaryProgress[] = [];
        await using primary = await serve(target, data, { onProgress: (now) => progress.push(now) });
        const reads = await watchReads(target);
        await tellToFollow(target, primary);
        const { endOffset, acknowledgedOffset } = await primary.done;
        assert.ok(acknowledgedOffset >= endOffset);
        assert.equal(await digestOf(target), data.digest);
        assert.equal(await target.dbsize(), data.keys);
        await target.command('REPLICAOF', 'NO', 'ONE');
        const seen = await reads.end();
        if (isAtLeast(binary, 7)) {
          assert.deepEqual(seen.errors, []);
          assert.ok(seen.asyncLoading > 0 && seen.old > 0 && seen.new > 0, JSON.stringify(seen));
        }
        assert.equal(await digestOf(target), data.digest);
        await until(() => !primary.hasFollower, { what: 'the promoted one has left' });
        assert.deepEqual(
          [...new Set(progress.map(({ stage }) => stage))],
          ['listening', 'preparing', 'rdb', 'log', 'confirming', 'confirmed'],
        );
        const last = progress.at(-1);
        assert.deepEqual(
          [last?.sentBytes, last?.totalBytes],
          [data.rdb.length + data.log.length, data.rdb.length + data.log.length],
        );
      });

      if (!isAtLeast(binary, 7)) return; // it has no load beside the old data, and answers LOADING meanwhile

      it('gives the old data back when the connection is cut in mid-load, and is READONLY until told otherwise', async () => {
        const data = await newData({ binary: binary.path });
        await using target = await startTarget({ binary: binary.path });
        const old = await digestOf(target);
        const gate = gatedFeedOf(data.rdb);
        await using primary = await serve(target, data, { rdb: gate.feed, feedWithinMs: 60_000 });
        await tellToFollow(target, primary);
        await gate.reached; // half of it is on its way
        await primary.close();
        await assert.rejects(primary.done, { code: 'LIVE_FAILED' });
        assert.equal(await digestOf(target), old);
        await assert.rejects(target.command('SET', 'a', '1'), /READONLY/);
        await target.command('REPLICAOF', 'NO', 'ONE');
        await target.command('SET', 'a', '1');
        assert.equal(await target.dbsize(), 20_001);
      });

      it('sends its replicas into the new history by a full resync', async () => {
        const data = await newData({ binary: binary.path });
        await using target = await startTarget({ binary: binary.path });
        await using replica = await startRedis({ binary: binary.path, config: { replicaof: `127.0.0.1 ${target.port}` } });
        await until(async () => (await replica.dbsize()) === 20_000, { what: 'the replica has the old data' });
        await using primary = await serve(target, data);
        await tellToFollow(target, primary);
        await primary.done;
        await target.command('REPLICAOF', 'NO', 'ONE');
        await until(async () => (await replica.dbsize()) === data.keys, { what: 'the replica has the new data', seconds: 20 });
        await until(async () => (await digestOf(replica)) === data.digest, { what: 'the replica is equal', seconds: 20 });
        assert.equal(await digestOf(target), data.digest);
      });
    });
  }
});
