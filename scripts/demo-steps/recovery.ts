import assert from 'node:assert/strict';
import { closeSync, globSync, openSync, statSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBytes, formatCount, formatDuration } from '../../model/format.ts';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { RUNBOOK_STEPS, type RunbookStatus } from '../../model/recovery/runbook.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { openRedis } from '../../redis/client/client.ts';
import { findBinary } from '../../test/support/binaries.ts';
import type { NarratedStep, Narrator } from './narrator.ts';
import { contentsOf } from './proof.ts';
import { storedUpToNow } from './second-disaster.ts';
import { INSTANCE, redisCli, redisPid, type World } from './world.ts';

export interface RecoverySummary {
  failure: RecoveryReport['failure'];
  /** From the start of the runbook until a read and a write were answered. */
  servingSeconds: number;
  /** Before they were brought back. */
  sessionsLost: number;
  sessionsRestored: number;
  /** The damaged files are still there. */
  keptAside: true;
}

/** Redis is killed and its log damaged, as a crash of a machine does; the runbook brings it back, and a person decides once. */
export async function recovery(world: World, narrator: Narrator): Promise<RecoverySummary> {
  narrator.step('It is 3 a.m.: people sign in, Redis is killed, and its append-only log is damaged in the middle');
  signIn(world, 1000);
  await storedUpToNow(world, narrator);
  const before = await contentsOf(world.redis.port);
  const pid = redisPid(world);
  assert.ok(pid);
  await narrator.run(['kill', '-9', `${pid}`]);
  damageLog(narrator, world);

  narrator.step('One command. Redis serves first; then a person decides about the data');
  const readers = readSessions(world);
  try {
    const report = await recover(world, narrator);
    const after = await contentsOf(world.redis.port);
    return tell(narrator, report, { before: before.byClass.sessions ?? 0, after: after.byClass.sessions ?? 0 });
  } finally {
    await readers.stop();
  }
}

function signIn(world: World, people: number): void {
  const script = "for i=1,ARGV[1] do redis.call('SET', 'session:'..i..'-of-tonight', 'token of somebody', 'EX', 86400) end";
  redisCli(world, 'EVAL', script, '0', `${people}`);
}

/** More than one command in the middle of the newest increment: a Redis that reads them refuses to start. */
function damageLog(narrator: Narrator, { redis }: World): void {
  const path = globSync(`${redis.dataDirectory}/**/*.incr.aof`).find((one) => !one.includes('.redis-backup'));
  assert.ok(path, 'there is no append-only log');
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(1000, 'X'), 0, 1000, statSync(path).size >> 1);
  closeSync(file);
  narrator.say(`    damaged: ${path}, 1,000 bytes in the middle`);
}

async function recover({ temporal }: World, narrator: Narrator): Promise<RecoveryReport> {
  const workflowId = WORKFLOW_IDS.recover(INSTANCE);
  const start = ['--task-queue', 'redis-ops', '--type', 'recoverRedis', '--workflow-id', workflowId];
  const input = ['--id-conflict-policy', 'UseExisting', '--input', JSON.stringify({ instance: INSTANCE })];
  const cli = [findBinary('temporal'), 'workflow'];
  await narrator.run([...cli, 'start', ...start, ...input]);
  const described = await narrator.ask([...cli, 'describe', '--workflow-id', workflowId, '-o', 'json']);
  const runId = /"runId":\s*"([^"]+)"/.exec(described)?.[1];
  const path = `namespaces/default/workflows/${encodeURIComponent(workflowId)}/${runId}/user-metadata`;
  narrator.say(`    What it does, and what it asks: ${temporal.webUi}/${path}`);

  const page = showPage(narrator);
  const report = await narrator.follow<RecoveryReport>(['redis-backup', 'recover', INSTANCE, '--watch'], page.show);
  await page.approved();
  return report;
}

/** Tells each step once, when it is over, and answers the question with yes. */
function showPage(narrator: Narrator): { show(line: NarratedStep): void; approved(): Promise<void> } {
  const told = new Set<string>();
  let approval: Promise<unknown> | undefined;
  return {
    show(line) {
      if (line.type !== 'runbook') return;
      const { steps, question, clients } = line as unknown as RunbookStatus;
      for (const { step, state, seconds, note } of steps) {
        if (seconds === undefined || state === 'doing' || told.has(step)) continue;
        told.add(step);
        narrator.say(`    ${RUNBOOK_STEPS[step].title.padEnd(26)}${`${seconds} s`.padStart(7)}  ${note ?? ''}`);
      }
      if (!question || approval) return;
      narrator.say(`\n    ${INSTANCE}: ${clients}. And it asks:\n    ${question.text}`);
      const approve = narrator.run(['redis-backup', 'recover', INSTANCE, '--approve', question.plan, '--by', 'ann']);
      approval = approve.catch((error: unknown) => error);
    },
    async approved() {
      assert.ok(approval, 'the recovery asked nothing');
      const failure = await approval;
      if (failure instanceof Error) throw failure;
    },
  };
}

function tell(narrator: Narrator, report: RecoveryReport, sessions: { before: number; after: number }): RecoverySummary {
  const { outcome, failure, serving, data, restored, forecast, warmup, keptAside, summary } = report;
  assert.equal(outcome, 'serving', summary);
  assert.ok(serving && data?.lost && keptAside && statSync(keptAside.directory).isDirectory(), summary);
  const back = restored?.find(({ name }) => name === 'sessions')?.restored ?? 0;
  narrator.say(`
  served again       ${serving.secondsFromStart.toFixed(1)} s after the runbook was started
  sessions lost      ${formatCount(sessions.before - data.present)} of ${formatCount(sessions.before)}, with the damaged log
  brought back       ${formatCount(back)}, those of the last minute too: ${formatCount(sessions.after)} are there now
  sign-ins expected  none now; ${forecast ? `at most ${formatCount(forecast.atMostSignIns)} in the first ${formatDuration(forecast.overSeconds * 1000)}` : 'nobody knows how many'}, had they not come back
  hit rate           ${warmup?.text ?? 'not watched'}
  damaged files      ${formatBytes(keptAside.bytes)}, kept in ${keptAside.directory}`);
  assert.equal(failure, 'aof-damaged');
  assert.equal(back, sessions.before, 'not every session came back');
  assert.equal(sessions.after, sessions.before, 'there are not as many sessions as before');
  return {
    failure,
    servingSeconds: serving.secondsFromStart,
    sessionsLost: sessions.before - data.present,
    sessionsRestored: back,
    keptAside: true,
  };
}

/** People at work, all the time: by their reads it is seen when the cache is warm. */
function readSessions({ redis }: World): { stop(): Promise<void> } {
  let stopped = false;
  const reading = (async () => {
    for (let n = 1; !stopped; await sleep(20)) {
      const client = await openRedis({ host: '127.0.0.1', port: redis.port }).catch(() => undefined);
      if (!client) continue; // it is down: this is what they see
      try {
        for (; !stopped; n++, await sleep(10)) await client.command('GET', `session:${1 + (n % 1000)}-of-tonight`);
      } catch {
        // it went down
      } finally {
        client.close();
      }
    }
  })();
  return {
    async stop() {
      stopped = true;
      await reading;
    },
  };
}
