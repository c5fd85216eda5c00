import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { findBinary } from '../support/binaries.ts';
import { ARCHIVE_ID, Archived } from '../support/archived.ts';
import { House } from '../support/house.ts';
import { Troubled } from '../support/troubled.ts';
import { until } from '../support/until.ts';

/**
 * Records the histories that test/workflows/replay.test.ts replays: `node test/histories/record.ts`. Only for a new version of
 * the workflows: a change that breaks an old history breaks the operations that run while it is deployed.
 */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

function record(house: House, name: string, workflowId: string): void {
  const args = ['workflow', 'show', '--workflow-id', workflowId, '--address', house.temporal.address, '--output', 'json'];
  const history = JSON.parse(execFileSync(findBinary('temporal'), args, { encoding: 'utf8', maxBuffer: 1 << 26 }));
  const text = JSON.stringify({ workflowId, ...history }, withoutMachine, 1).replaceAll(ROOT, '').replaceAll(tmpdir(), '/tmp');
  writeFileSync(new URL(`${name}.json`, import.meta.url), `${text}\n`);
}

/** Stack traces and identities name the machine and its paths; replay needs neither. */
const withoutMachine = (key: string, value: unknown): unknown => (['stackTrace', 'identity'].includes(key) ? undefined : value);

/** `node test/histories/record.ts recoveries` records those of recoveries only. */
const [only] = process.argv.slice(2);

async function recordRecoveries(): Promise<void> {
  const redis = await Troubled.open({ instance: { archive: { segmentAge: '1s', restartDelay: '1s' } } });
  const withLog = { config: { appendonly: 'yes' } };
  try {
    await redis.stand(withLog);
    await redis.kill();
    await redis.recover();
    record(redis.house, 'recovery-restarted', 'recover/main');
    await redis.stand(withLog);
    await redis.cutLog();
    await redis.recover({}, () => redis.answer(/session/));
    record(redis.house, 'recovery-started-empty-and-merged', 'recover/main');
    await redis.stand(withLog);
    await redis.cutLog();
    await redis.recover({ onDamage: 'ask' }, async (running) => {
      await redis.question(/Serve the/);
      await running.executeUpdate('abort', { args: [{ by: 'ann', reason: 'wrong instance' }] });
    });
    record(redis.house, 'recovery-aborted', 'recover/main');
  } finally {
    await redis.close();
  }
}

const alive = setInterval(() => undefined, 1000); // the processes of a house don't keep Node alive
await recordRecoveries();
if (only === 'recoveries') process.exit(0);
const house = await House.open({
  redis: { config: { appendonly: 'yes' } },
  instance: { archive: { restartDelay: '1s' } },
});
try {
  await house.ask('DEBUG', 'POPULATE', '1000', 'cache', '50');
  await house.backup();
  record(house, 'backup-stored', 'backup/main');
  record(house, 'lock-of-a-backup', 'lock/main');
  await house.restore();
  record(house, 'restore-done', 'restore/main');
  record(house, 'lock-of-a-restore', 'lock/main');

  await house.killWorker();
  await house.startWorker('hold:awaitServing');
  const held = house.steps.length;
  const restore = await house.startRestore();
  await until(() => house.steps.slice(held).includes('awaitServing'), { what: 'the restore waits' });
  await house.client.workflow.execute('backupSnapshot', {
    workflowId: 'backup/main',
    taskQueue: 'redis-ops',
    args: [{ instance: 'main', lockWaitSeconds: 1 }],
  });
  record(house, 'backup-skipped', 'backup/main');
  await restore.cancel();
  await restore.result().catch(() => undefined); // cancelled, as asked
  record(house, 'restore-cancelled', 'restore/main');
  record(house, 'lock-that-undid-a-restore', 'lock/main');

  await house.client.workflow.execute('applyRetention', { workflowId: 'retention/main', taskQueue: 'redis-ops', args: [{ instance: 'main' }] });
  record(house, 'retention', 'retention/main');

  const archive = await house.client.workflow.start('archiveContinuously', {
    workflowId: 'archive/main',
    taskQueue: 'redis-ops',
    args: [{ instance: 'main' }],
  });
  await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).some(({ reason }) => reason === 'archive'), { what: 'it follows' });
  await archive.executeUpdate('detach', { args: [{ by: 'ann' }] });
  await archive.executeUpdate('attach', { args: [{ by: 'ann' }] });
  await house.ask('SET', 'in-the-log', '1');
  const inLog = async () => String(await house.ask('INFO', 'replication')).includes('connected_slaves:1');
  await until(inLog, { what: 'it follows again' });
  record(house, 'archive-detached-and-back', 'archive/main');
  await (await house.startRestore({ strategy: 'live' })).result();
  record(house, 'restore-live', 'restore/main');
} finally {
  await house.close();
}

const archiving = await House.open({
  instance: { archive: { segmentAge: '1s', restartDelay: '1s' }, recovery: { warmup: { window: '1s' } } },
});
try {
  await archiving.backup({ reason: 'scheduled' });
  record(archiving, 'backup-scheduled', 'backup/main');
  await archiving.ask('SET', 'first', 'value');
  const archived = new Archived(archiving);
  await archived.start();
  await until(async () => (await archived.archive.newestTimeline()) !== undefined, { what: 'a timeline' });
  await archived.detach('ann');
  await archived.attach('ann');
  await until(async () => /stored up to/.test(await archived.note()), { what: 'it follows' });
  record(archiving, 'archive-that-was-detached', ARCHIVE_ID);
} finally {
  await archiving.close();
}

const watched = await House.open({ instance: { watch: { every: '1s', after: '2s', coolDown: '1s' } } });
try {
  await watched.command('watch');
  const watch = watched.client.workflow.getHandle('watch/main');
  const untilPhase = (wanted: string) =>
    until(async () => (await watch.query<{ phase: string; text: string }>('status')).phase === wanted, { what: wanted });
  const alarm = (incident: string) =>
    watch.executeUpdate('alarm', { args: [{ incident, by: 'alert RedisDown', startsAt: '2026-08-01T10:42:07Z' }] });
  const incidentAsked = async () =>
    (await watch.query<{ question: { incident: string } }>('status')).question.incident;
  await alarm('too early');
  await watched.redis.kill('SIGKILL');
  await untilPhase('asks');
  await alarm('in time');
  await watch.executeUpdate('decline', { args: [{ by: 'ann', incident: await incidentAsked(), note: 'planned' }] });
  await watched.redis.restart();
  await untilPhase('watching');
  await watched.redis.kill('SIGKILL');
  await untilPhase('asks');
  await watch.executeUpdate('approve', { args: [{ by: 'ann', incident: await incidentAsked() }] });
  record(watched, 'watch-that-asked', 'watch/main');
} finally {
  await watched.close();
  clearInterval(alive);
}
