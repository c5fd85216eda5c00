import assert from 'node:assert/strict';
import { openRedis } from '../../../redis/client/client.ts';
import { RedisInfo } from '../../../redis/client/info.ts';
import { loadErrorsOf, logRefused, unknownToServer } from '../../../redis/log/load-errors.ts';
import { isAtLeast, type RedisBinary, redisBinaries } from '../../support/redis-binaries.ts';
import { type RedisOptions, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { command } from '../support/log-bytes.ts';

/** A server that begins with this log. */
function loading(binary: RedisBinary, commands: Buffer[], until?: RedisOptions['until']): Promise<RedisServer> {
  const bytes = Buffer.concat([command('SELECT', 0), command('SET', 'a', '1'), ...commands]);
  const manifest = 'file appendonly.aof.1.incr.aof seq 1 type i\n';
  const seed: RedisOptions['seed'] = isAtLeast(binary, 7)
    ? { 'appendonlydir/appendonly.aof.1.incr.aof': bytes, 'appendonlydir/appendonly.aof.manifest': Buffer.from(manifest) }
    : { 'appendonly.aof': bytes };
  return startRedis({ binary: binary.path, config: { appendonly: 'yes', 'rename-command': 'FLUSHALL ""' }, seed, until });
}

const errorsOf = async (redis: RedisServer, lines = redis.log().split('\n')) => {
  using client = await openRedis(redis.connection);
  return loadErrorsOf(await client.info(), { lines });
};

const REFUSED: [what: string, command: string, ...log: Buffer[]][] = [
  ['SELECT of a database that it does not have', 'select', command('SELECT', 20), command('SET', 'a', 'of another')],
  ['the same in a transaction', 'exec', command('MULTI'), command('SELECT', 20), command('EXEC')],
  ['SWAPDB with one', 'swapdb', command('SWAPDB', 0, 20)],
  ['MOVE to one', 'move', command('MOVE', 'a', 20)],
  ['COPY to one', 'copy', command('COPY', 'a', 'b', 'DB', 20)],
  ['a command for a value of another type', 'lpush', command('LPUSH', 'a', 'x')],
];

describe('After a load', function () {
  this.timeout(60_000);

  for (const binary of redisBinaries()) {
    for (const [what, name, ...log] of REFUSED) {
      it(`${binary.label} is known to have skipped ${what}, with and without its log`, async () => {
        await using redis = await loading(binary, log);
        const errors = await errorsOf(redis);
        assert.equal(errors?.count, 1);
        assert.equal(errors.refused[0]?.command, name);
        assert.deepEqual(await errorsOf(redis, []), { count: 1, refused: [] });
      });
    }

    it(`${binary.label} has skipped nothing of a log that it has carried out`, async () => {
      await using redis = await loading(binary, [command('SELECT', 15), command('SET', 'b', '2')]);
      assert.equal(await errorsOf(redis), undefined);
    });

    it(`${binary.label} that ended for a command that it does not know is known by the name of that`, async () => {
      await using redis = await loading(binary, [command('FLUSHALL')], 'started');
      assert.equal(await redis.exited(), 1);
      const error = unknownToServer('main', redis.log().split('\n'), 'Nothing was changed.');
      assert.equal(error?.code, 'LOG_REFUSED');
      assert.match(error.message, /main has no command FLUSHALL/);
    });
  }

  const info = (fields: Record<string, string>) => new RedisInfo(new Map(Object.entries({ process_id: '7', ...fields })));
  const line = (to: string, why: string) =>
    `7:M 29 Nov 2026 14:15:03.737 # == CRITICAL == This server is sending an error to its ${to}: '${why}' after processing the command 'set'`;

  it('an error that a replica was sent is none of the load', () => {
    assert.equal(loadErrorsOf(info({ unexpected_error_replies: '1' }), { lines: [line('replica', 'no')] }), undefined);
  });

  it('what was skipped before it counts for nothing', () => {
    assert.equal(loadErrorsOf(info({ unexpected_error_replies: '2' }), { before: 2 }), undefined);
  });

  it('a server that counts no errors is believed by its log', () => {
    assert.equal(loadErrorsOf(info({}), { lines: [line('AOF-loading-client', 'no')] })?.count, 1);
  });

  it('a command that the server does not have is named as it was asked for', () => {
    const lines = [line('master', "-ERR unknown command 'FLUSHALL', with args beginning with: ").replace("'set'", "'<unknown>'")];
    assert.equal(loadErrorsOf(info({}), { lines })?.refused[0]?.command, 'FLUSHALL');
  });

  it('what is said of it never holds the arguments of a command', () => {
    const lines = [line('master', "-ERR unknown command 'x', with args beginning with: 'session:1' 'token' ")];
    const errors = loadErrorsOf(info({}), { lines }) ?? assert.fail();
    assert.equal(
      logRefused('main', errors, 'Restore.').message,
      "main did not carry out 1 command of the log and went on without: SET (ERR unknown command 'x')",
    );
  });
});
