import assert from 'node:assert/strict';
import { SteadyClient } from '../../../redis/live/steady.ts';
import { type FaultProxy, startTcpFaultProxy } from '../../support/fault-proxy.ts';
import { freePort, type RedisServer, startRedis } from '../../support/redis-server.ts';

describe('The control connection of a live load', function () {
  this.timeout(30_000);
  let redis: RedisServer;
  let proxy: FaultProxy;
  before(async () => {
    redis = await startRedis();
    proxy = await startTcpFaultProxy(redis.port);
  });
  after(async () => {
    await proxy?.stop();
    await redis?.[Symbol.asyncDispose]();
  });
  const through = (options = {}) => new SteadyClient({ host: '127.0.0.1', port: proxy.port }, options);

  it('is replaced at once by another when it falls silent without a word', async () => {
    proxy.stallAfter(10, 'response');
    using control = through();
    let asked = 0;
    const answer = await control.run(async (client) => {
      asked += 1;
      await client.info('replication');
      return client.command('DBSIZE');
    });
    assert.deepEqual([answer, asked, proxy.faultsDone], [0, 2, 1]);
  });

  it('goes on no longer than it is told to', async () => {
    proxy.stallAfter(10, 'response', { times: 100 });
    using control = through({ timeoutMs: 0 });
    await assert.rejects(
      control.run((client) => client.info('replication')),
      { code: 'REDIS_UNREACHABLE' },
    );
  });

  it('waits for nobody where nothing listens, and repeats nothing that was refused', async () => {
    using nowhere = new SteadyClient({ host: '127.0.0.1', port: await freePort() });
    await assert.rejects(
      nowhere.run((client) => client.ping()),
      { code: 'REDIS_UNREACHABLE' },
    );
    using control = new SteadyClient(redis.connection);
    let asked = 0;
    const refused = control.run((client) => {
      asked += 1;
      return client.command('NOSUCH');
    });
    await assert.rejects(refused, { code: 'REDIS_REFUSED' });
    assert.equal(asked, 1);
  });
});
