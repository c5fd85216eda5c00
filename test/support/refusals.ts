import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { openRedis } from '../../redis/client/client.ts';
import { failureOf } from './failure-of.ts';
import type { House } from './house.ts';

/** What a person is to be told. */
export interface Refusal {
  code: string;
  says: RegExp;
}

/** What cannot work is said at once, and not tried for hours. */
const PATIENCE_MS = 8_000;

/** Attempts in a house that must be refused, and must leave everything as it was. */
export class Attempts {
  readonly #house: House;

  constructor(house: House) {
    this.#house = house;
  }

  async run(type: string, input: unknown): Promise<unknown> {
    const options = { workflowId: `${type}/${randomUUID()}`, taskQueue: 'redis-ops', args: [input] };
    return answerOf(await this.#house.client.workflow.start(type, options));
  }

  backup(instance = 'main'): Promise<unknown> {
    return this.run('backupSnapshot', { instance });
  }

  restore(backupId: unknown, more: object = {}): Promise<unknown> {
    return this.run('restoreFromRdb', { instance: 'main', backupId, strategy: 'replace', ...more });
  }

  /** Proves that an attempt is refused with this code and message, with something to do next, and has changed nothing. */
  async refused(attempt: () => Promise<unknown>, { code, says }: Refusal, instance = 'main'): Promise<void> {
    const before = await this.state();
    const seen = await failureOf(attempt());
    assert.equal(seen.code, code, seen.message);
    assert.match(seen.message, says);
    assert.ok(seen.next.length > 10, `what to do next: "${seen.next}"`);
    assert.deepEqual(await this.state(), before);
    assert.equal(await this.#house.isLocked(instance), false);
  }

  /** All that a refusal must leave as it was. A pin says that somebody wanted to restore, for a day, and may stay. */
  async state(): Promise<object> {
    const { redis: server, repository } = this.#house;
    using redis = await openRedis(server.connection);
    const objects: string[] = [];
    for await (const { key, sizeBytes } of repository.store.list(''))
      if (!key.includes('/pins/')) objects.push(`${key} ${sizeBytes}`);
    return {
      keys: await redis.command('DBSIZE'),
      runId: (await redis.info('server')).get('run_id'),
      files: readdirSync(server.dir, { recursive: true, encoding: 'utf8' }).filter(isData).sort(),
      objects,
    };
  }
}

/** An attempt that was refused leaves a note that it may not go on, which is swept after a day. */
const isData = (file: string) => !/^\.redis-backup(\/lock|\/[^/]+|\/[^/]+\/operation\.json)?$/.test(file);

async function answerOf(running: WorkflowHandle): Promise<unknown> {
  const late = Symbol('late');
  const timer = new AbortController();
  const answer = running.result();
  answer.catch(() => undefined); // it is thrown below, or nobody waits for it any more
  const first = await Promise.race([answer, sleep(PATIENCE_MS, late, { signal: timer.signal })]).finally(() => timer.abort());
  if (first !== late) return first;
  const { raw } = await running.describe();
  await running.terminate('the test has seen enough');
  throw new Error(`it still tries: ${raw.pendingActivities?.map(({ lastFailure }) => lastFailure?.message).join(', ')}`);
}
