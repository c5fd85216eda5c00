import assert from 'node:assert/strict';
import type { ProtectedInstance } from '../../../activities/dependencies.ts';
import { sharedDatabases } from '../../../activities/merge/fit.ts';
import { DEFAULT_DATA_CLASSES } from '../../../model/data-class.ts';
import { readServerFacts } from '../../../redis/server-facts.ts';
import { type RedisServer, startRedis } from '../../support/redis-server.ts';

describe('A merge into a Redis with fewer databases', function () {
  this.timeout(30_000);
  const target = { name: 'main', classes: DEFAULT_DATA_CLASSES } as unknown as ProtectedInstance;
  let copy: RedisServer;
  let living: RedisServer;
  before(async () => {
    copy = await startRedis({ config: { databases: '32' } });
    living = await startRedis({ config: { databases: '4' } });
    await copy.command('SET', 'session:1', 'x');
    await copy.command('SELECT', '20');
    await copy.command('SET', 'session:2', 'x');
  });
  after(() => Promise.all([copy, living].map((redis) => redis[Symbol.asyncDispose]())));

  const shared = async (wanted: string[]) =>
    sharedDatabases(await copy.client(), await readServerFacts(await living.client()), target, { wanted });

  it('is refused for wanted keys in a database that it lacks, by name, before anything is touched', async () => {
    await assert.rejects(shared(['sessions']), {
      code: 'RESTORE_REFUSED',
      message: '1 key of these classes would come back into database 20, and main has 4 databases (0 to 3)',
    });
  });

  it('goes on where no wanted key is there', async () => {
    assert.deepEqual(await shared(['permissions']), [0]);
  });
});
