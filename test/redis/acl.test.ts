import assert from 'node:assert/strict';
import { MINIMUM_ACL, OPERATIONS, rulesInOrder } from '../../redis/acl.ts';
import { openRedis } from '../../redis/client/client.ts';
import { checkHealth } from '../../redis/health/health.ts';
import { isAtLeast, redisBinaries } from '../support/redis-binaries.ts';
import { startRedis } from '../support/redis-server.ts';

/** What Redis 6.2 does not know. */
const SINCE_7 = new Set<string>([...MINIMUM_ACL.recoveryOfFunctions, ...MINIMUM_ACL.mergeOfFunctions, ...MINIMUM_ACL.check]);

describe('The lines of permissions', () => {
  for (const binary of redisBinaries()) {
    it(`are each accepted by ${binary.label}`, async () => {
      await using redis = await startRedis({ binary: binary.path });
      using client = await openRedis(redis.connection);
      for (const { name, rules } of OPERATIONS) {
        const known = rulesInOrder(rules).filter((rule) => isAtLeast(binary, 7) || !SINCE_7.has(rule));
        const line = ['on', '>secret', 'resetkeys', 'resetchannels', '-@all', ...known];
        assert.equal(String(await client.command('ACL', 'SETUSER', 'redis-backup', ...line)), 'OK', name);
      }
    });
  }

  it('let a recovery see that writes are refused', async () => {
    await using redis = await startRedis({ config: { 'min-replicas-to-write': '1' } });
    using client = await openRedis(redis.connection);
    const rules = OPERATIONS.find(({ name }) => name.startsWith('`recover`'))?.rules ?? [];
    await client.command('ACL', 'SETUSER', 'rescuer', 'on', '>secret', 'resetkeys', '-@all', ...rulesInOrder(rules));
    const look = await checkHealth({ ...redis.connection, username: 'rescuer', password: 'secret' });
    assert.equal(look.verdict, 'refuses-writes', JSON.stringify(look));
    assert.match(look.detail, /NOREPLICAS/);
  });
});
