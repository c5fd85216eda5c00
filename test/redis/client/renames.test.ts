import assert from 'node:assert/strict';
import { openRedis } from '../../../redis/client/client.ts';
import { Renames } from '../../../redis/client/renames.ts';
import { checkHealth } from '../../../redis/health/health.ts';
import { openRdbStream } from '../../../redis/replication/replica.ts';
import { readServerFacts } from '../../../redis/server-facts.ts';
import { startRedis } from '../../support/redis-server.ts';
import { bytesOf } from '../support/bytes-of.ts';

const HIDDEN = ['CONFIG c1', 'TIME t1', 'MODULE m1', 'SCAN s1', 'REPLCONF r1', 'SETRANGE w1'];
const commands = Object.fromEntries(HIDDEN.map((line) => line.split(' ')));

describe('A Redis whose commands have other names', () => {
  it('is asked by the names that the configuration says, in a client, a look and a stream', async () => {
    await using redis = await startRedis({ config: { 'rename-command': HIDDEN, 'repl-diskless-sync-delay': '0' } });
    await redis.command('SET', 'a', '1');
    const connection = { ...redis.connection, commands };
    using client = await openRedis(connection);
    assert.deepEqual(await client.configGet('appendonly'), { appendonly: 'no' });
    const [scanned] = await client.batch([['SCAN', '0']]);
    assert.equal((scanned as unknown[]).length, 2);
    assert.ok((await client.time()) > 0);
    assert.equal(client.unasked.size, 0);
    assert.equal((await checkHealth(connection)).verdict, 'serves');
    const stream = await openRdbStream(connection);
    assert.match((await bytesOf(stream)).toString('latin1'), /^REDIS/);
  });

  it('is asked by the names in its redis.conf, which is read when the first name is unknown', async () => {
    await using redis = await startRedis({ config: { 'rename-command': HIDDEN } });
    let reads = 0;
    const conf = async () => {
      reads++;
      return { commands, settings: {} };
    };
    using client = await openRedis({ ...redis.connection, conf });
    await client.info('server');
    assert.equal(reads, 0);
    assert.deepEqual(await client.configGet('appendonly', 'save'), await client.configGet('appendonly', 'save'));
    const replies = await client.batch([
      ['SET', 'a', '1'],
      ['SCAN', '0'],
      ['GET', 'a'],
    ]);
    assert.deepEqual([`${replies[0]}`, (replies[1] as unknown[]).length, `${replies[2]}`], ['OK', 2, '1']);
    assert.equal(reads, 1);
    assert.equal(await client.called('CONFIG'), 'c1');
  });

  it('is asked anew by whatever was on its way with the old name when the new one was learned', async () => {
    const conf = async () => ({ commands, settings: {} });
    const renames = new Renames({ host: '127.0.0.1', port: 1, conf });
    assert.deepEqual([await renames.learn('CONFIG', 'CONFIG'), await renames.learn('CONFIG', 'CONFIG')], [true, true]);
    assert.equal(await renames.learn('CONFIG', 'c1'), false, 'that one is unknown, too');
  });

  it('says what it is, as far as it can be asked, and what could not be', async () => {
    await using redis = await startRedis({ config: { 'rename-command': ['CONFIG ""', 'TIME ""', 'MODULE ""'] } });
    using client = await openRedis(redis.connection);
    const facts = await readServerFacts(client);
    assert.deepEqual(facts.unasked, { commands: ['CONFIG GET'] });
    assert.deepEqual([facts.policy.appendonly, facts.databases, facts.modules], ['', 16, []]);
    assert.ok(Math.abs((await client.time()) - Date.now()) < 60_000, 'the clock of INFO');
    await assert.rejects(client.configSet('save', ''), {
      code: 'REDIS_REFUSED',
      next: /commands: \{ CONFIG: <name> \}/,
    });
  });

  it('is answered for by its redis.conf where that is at hand', async () => {
    await using redis = await startRedis({ config: { 'rename-command': 'CONFIG ""' } });
    const settings = { appendonly: 'yes', save: '60 1', databases: '4', dir: '/data' };
    using client = await openRedis({ ...redis.connection, conf: async () => ({ commands: { CONFIG: '' }, settings }) });
    const facts = await readServerFacts(client);
    assert.deepEqual(facts.unasked, { commands: ['CONFIG GET'], from: 'redis.conf' });
    assert.deepEqual([facts.policy.appendonly, facts.policy.dir, facts.databases], ['yes', '/data', 4]);
    assert.equal(await client.called('CONFIG'), '');
  });
});
