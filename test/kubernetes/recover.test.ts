import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/until.ts';
import { ClusterHouse } from './support/cluster-house.ts';

const WITHIN = { seconds: 60 };

describe('A Redis in a pod that is down', function () {
  this.timeout(200_000);
  let house: ClusterHouse;
  before(async () => {
    house = await ClusterHouse.open();
    await house.ask('EVAL', "for i = 1, 500 do redis.call('SET', 'cache:' .. i, i) end return 1", '0');
  });
  after(() => house?.[Symbol.asyncDispose]());

  /** As a fault of the disk does it, in the middle of the log. */
  const damageLog = () => {
    const directory = join(house.redis.volume(), 'appendonlydir');
    const file = join(directory, readdirSync(directory).find((name) => name.endsWith('incr.aof')) ?? '');
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill('#', bytes.length >> 1, (bytes.length >> 1) + 40));
  };

  it('serves again after its log was damaged and its pod waits in a back-off, and nothing is left in its namespace', async () => {
    damageLog();
    house.redis.namespace.kubectl(['delete', 'pod', 'redis-0', '--wait=true']);
    const loops = async () => (await house.redis.control().trace()).crashLoop;
    await until(loops, { what: 'it waits in a back-off', ...WITHIN });
    const options = { workflowId: 'recover/main', taskQueue: 'redis-ops', args: [{ instance: 'main', onDamage: 'serve-empty' }] };
    const running = await house.client.workflow.start('recoverRedis', options);
    const watches = async () => (await running.describe()).searchAttributes.RedisPhase?.[0] === 'warmup';
    await until(watches, { what: 'it only watches what it brought back', ...WITHIN });
    assert.deepEqual([await house.ask('PING'), await house.ask('DBSIZE')], ['PONG', 0]);
    assert.ok(readdirSync(house.redis.volume()).includes('.redis-backup'), 'the damaged files are kept');
    const pods = house.redis.namespace.kubectl(['get', 'pods', '-o', 'name']).trim();
    assert.equal(pods, 'pod/redis-0');
    await running.terminate();
  });
});
