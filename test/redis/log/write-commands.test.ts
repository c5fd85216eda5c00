import assert from 'node:assert/strict';
import { CONTAINERS, verdictOf, WRITE_COMMANDS } from '../../../redis/log/write-commands.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { startRedis } from '../../support/redis-server.ts';

/** Writes by their flag that must not be replayed all the same. */
const EXCLUDED: Record<string, string> = {
  MIGRATE: 'talks to another server; it is propagated as DEL, or not at all',
};

type CommandEntry = [name: string, arity: number, flags: string[], ...more: unknown[]];

describe('the table of write commands', () => {
  for (const binary of redisBinaries()) {
    it(`has every write command that ${binary.label} knows, or says why not`, async () => {
      await using redis = await startRedis({ binary: binary.path });
      const entries = (await redis.command('COMMAND')) as CommandEntry[];
      const writes = entries
        .flatMap((entry) => [entry, ...((entry[9] ?? []) as CommandEntry[])])
        .filter(([, , flags]) => flags.includes('write'))
        .map(([name]) => name.toUpperCase().replace('|', ' '))
        .filter((name) => !CONTAINERS.has(name)); // before 7.0 it has no sub-commands
      assert.ok(writes.length > 90);
      assert.deepEqual(
        writes.filter((name) => !WRITE_COMMANDS.has(name)),
        writes.filter((name) => name in EXCLUDED),
      );
    });
  }

  it('lets a replay drop what changes nothing', () => {
    for (const name of ['PING', 'REPLCONF', 'PUBLISH', 'SPUBLISH', 'SCRIPT LOAD', 'SCRIPT FLUSH'])
      assert.equal(verdictOf(name), 'drop');
  });

  it('takes everything else for foreign', () => {
    const dangerous =
      'EVAL EVALSHA FCALL CONFIG DEBUG SHUTDOWN ACL MODULE REPLICAOF SLAVEOF FAILOVER CLUSTER SAVE MIGRATE GET FUNCTION SCRIPT XGROUP JSON.SET';
    for (const name of [...dangerous.split(' '), 'SCRIPT KILL', 'FUNCTION KILL', 'set', '', '__PROTO__', 'CONSTRUCTOR'])
      assert.equal(verdictOf(name), 'foreign', name);
  });

  it('takes a module command for a write where it was allowed by name', () => {
    assert.equal(verdictOf('JSON.SET', new Set(['JSON.SET'])), 'replay');
    assert.equal(verdictOf('JSON.DEL', new Set(['JSON.SET'])), 'foreign');
  });

  it('lets nobody allow what changes the server itself, or runs code', () => {
    for (const name of ['CONFIG', 'SHUTDOWN', 'MODULE', 'REPLICAOF', 'EVAL', 'EVALSHA', 'FCALL'])
      assert.equal(verdictOf(name, new Set([name])), 'foreign');
  });
});
