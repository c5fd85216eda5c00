import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { PrimaryProgress } from '../../../redis/replication/primary.ts';
import type { Certificates } from '../../support/certificates.ts';
import { isAtLeast, redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';
import { digestOf, gatedFeedOf, type LiveSource } from '../support/live-source.ts';
import { newData, serve, startTarget, tellToFollow, watchReads } from '../support/live-target.ts';

describe('being the primary of a live load', () => {
  let data: LiveSource;
  before(async () => {
    data = await newData();
  });

  for (const binary of redisBinaries()) {
    describe(`for ${binary.label}`, () => {
      let data: LiveSource;
      before(async () => {
        data = await newData({ binary: binary.path });
      });

      it('brings RDB and log to it, proves it by its own acknowledgement, and is left without a trace', async () => {
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

  it('does not leave it frozen when our own feed stalls', async () => {
    await using target = await startTarget();
    const old = await digestOf(target);
    const gate = gatedFeedOf(data.rdb);
    await using primary = await serve(target, data, { rdb: gate.feed, feedWithinMs: 400 });
    await tellToFollow(target, primary);
    await gate.reached;
    assert.equal(await target.command('EXISTS', 'old:7'), 1);
    await assert.rejects(primary.done, { code: 'LIVE_FAILED', message: /could not be read/ }); // and not: Redis has left
    await target.command('REPLICAOF', 'NO', 'ONE');
    assert.equal(await digestOf(target), old);
  });

  it('shows a certificate to a Redis that replicates over TLS, and asks for its own', async () => {
    await using target = await startTarget({ tls: 'mutual', password: 'secret', config: { 'tls-replication': 'yes' } });
    const { ca, certFile, keyFile } = target.certificates as Certificates;
    const tls = { ca, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    const gate = gatedFeedOf(data.rdb);
    await using cut = await serve(target, data, { tls, rdb: gate.feed, feedWithinMs: 60_000 });
    await tellToFollow(target, cut);
    await gate.reached;
    await cut.close();
    assert.equal(await target.dbsize(), 20_000);
    await using primary = await serve(target, data, { tls });
    await tellToFollow(target, primary);
    await primary.done;
    await target.command('REPLICAOF', 'NO', 'ONE');
    assert.equal(await digestOf(target), data.digest);
    await using plain = await serve(target, data, { psyncWithinMs: 500 });
    await tellToFollow(target, plain);
    await assert.rejects(plain.done, { code: 'LIVE_FAILED' });
  });

  it('is found by its password only', async () => {
    await using target = await startTarget();
    await using primary = await serve(target, data, { psyncWithinMs: 500 });
    await tellToFollow(target, primary, 'another');
    await assert.rejects(primary.done, { code: 'LIVE_FAILED', message: /has another password/ });
    assert.equal(await target.dbsize(), 20_000);
  });
});
