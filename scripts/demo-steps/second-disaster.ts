import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DestructiveMoment } from '../../cli/commands/find-destructive.ts';
import type { RestoreReport } from '../../model/operations.ts';
import { findBinary } from '../../test/support/binaries.ts';
import type { Narrator } from './narrator.ts';
import { contentsOf } from './proof.ts';
import { INSTANCE, redisCli, type World } from './world.ts';

export interface SecondSummary {
  until: string;
  keysBefore: number;
  keysAfter: number;
  writesRefusedSeconds: number;
}

const LOG_WITHIN_MS = 30_000;

/** A FLUSHALL in the middle of writes: found in the continuous log, and undone to the command before it, while Redis serves. */
export async function secondDisaster(world: World, narrator: Narrator): Promise<SecondSummary> {
  narrator.step('Another disaster: somebody runs FLUSHALL, between writes that must not be lost');
  await storedUpToNow(world, narrator); // the log has come back after the restore, with a base of its own
  for (let n = 0; n < 500; n++) redisCliQuietly(world, n);
  const before = await contentsOf(world.redis.port);
  await narrator.run([findBinary('redis-cli'), '-p', `${world.redis.port}`, 'FLUSHALL']);
  await narrator.run([findBinary('redis-cli'), '-p', `${world.redis.port}`, 'SET', 'session:of-the-time-after', 'x']);
  await storedUpToNow(world, narrator);

  narrator.step('Found, and undone to the command before it: Redis is never stopped, and serves reads meanwhile');
  // 24: the restart of the first disaster has left a gap in the log, of which nothing is known.
  const allowed = [0, 24];
  await narrator.run(['redis-backup', 'find-destructive', INSTANCE], { allowed });
  const { found } = await narrator.askJson<{ found: DestructiveMoment[] }>(['redis-backup', 'find-destructive', INSTANCE], {
    allowed,
  });
  const until = found.at(-1)?.until;
  assert.ok(until, 'the FLUSHALL was not found in the log');
  await narrator.run(['redis-backup', 'restore', INSTANCE, '--until', until, '--strategy', 'live', '--yes']);
  const result = [findBinary('temporal'), 'workflow', 'result', '--workflow-id', `restore/${INSTANCE}`, '-o', 'json'];
  const { result: report } = JSON.parse(await narrator.ask(result)) as { result: RestoreReport };
  const after = await contentsOf(world.redis.port);
  assert.equal(after.keys, before.keys, 'there are not as many keys as before the FLUSHALL');
  assert.equal(after.digest, before.digest, 'values or times to live are not what they were before the FLUSHALL');
  narrator.say(`  Every key is back as it was at the command before the FLUSHALL: ${after.keys} of ${before.keys}.`);
  return {
    until,
    keysBefore: before.keys,
    keysAfter: after.keys,
    writesRefusedSeconds: report.live?.writesRefusedSeconds ?? Number.NaN,
  };
}

const redisCliQuietly = (world: World, n: number): string =>
  redisCli(world, 'HSET', `session:demo-${n % 50}`, `field-${n}`, 'x'.repeat(20));

/** Waits until what Redis has written is in the repository. */
export async function storedUpToNow(world: World, narrator: Narrator): Promise<void> {
  for (const deadline = Date.now() + LOG_WITHIN_MS; Date.now() < deadline; await sleep(300)) {
    const status = await narrator.askJson<{ now?: { note?: string }; rpoSeconds?: number }>([
      'redis-backup',
      'archive',
      INSTANCE,
      '--status',
    ]);
    const stored = Number(/stored up to offset (\d+)/.exec(status.now?.note ?? '')?.[1] ?? -1);
    const written = Number(/master_repl_offset:(\d+)/.exec(redisCli(world, 'INFO', 'replication'))?.[1]);
    // PING alone, of which Redis sends one in ten seconds, is not worth an object.
    if (stored >= 0 && written - stored < 100 && status.rpoSeconds === 0) {
      await narrator.run(['redis-backup', 'archive', INSTANCE, '--status']);
      return;
    }
  }
  throw new Error('the log did not catch up within 30 s');
}
