import assert from 'node:assert/strict';
import { closeSync, globSync, openSync, statSync, writeSync } from 'node:fs';
import type { SnapshotManifest } from '../../model/backup/manifest.ts';
import { formatCount } from '../../model/format.ts';
import type { RestoreReport } from '../../model/operations.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { findBinary } from '../../test/support/binaries.ts';
import { fillDataClasses } from '../../test/support/datasets.ts';
import type { Narrator } from './narrator.ts';
import { type Contents, contentsOf } from './proof.ts';
import { type RecoverySummary, recovery } from './recovery.ts';
import { type SecondSummary, secondDisaster } from './second-disaster.ts';
import { INSTANCE, type Place, redisCli, redisPid, startRedis, startTemporal, startWorker, type World } from './world.ts';

/** What `--json` ends with, beside `ok`. */
export interface Summary {
  backup: { backupId: string; keys: number; rdbBytes: number; storedBytes: number; sha256: string };
  restore: { keysExpected: number; keysFound: number };
  schedule: { everySeconds: number };
  pointInTime: SecondSummary;
  recovery: RecoverySummary;
}

const SIX_HOURS_SECONDS = 6 * 3600;
/** Nothing expires while the demo runs, so that what comes back can be compared key by key. */
const EXTRA_SECONDS = 3600;

export async function play(world: World, narrator: Narrator, { keys, place }: { keys: number; place: Place }): Promise<Summary> {
  await start(world, narrator, keys);
  await check(narrator, world, place);
  const manifest = await backup(narrator);
  const schedule = await scheduleBackups(narrator, world);
  const before = await contentsOf(world.redis.port);
  await destroy(world, narrator);
  const report = await restore(narrator, manifest);
  await prove(narrator, world, manifest, before, report);
  const pointInTime = await secondDisaster(world, narrator);
  const recovered = await recovery(world, narrator);
  sayWhereToLook(narrator, world, schedule.workflowId);
  const { backupId, rdb, stored } = manifest;
  return {
    backup: { backupId, keys: rdb.keys, rdbBytes: rdb.bytes, storedBytes: stored.bytes, sha256: stored.sha256 },
    restore: { keysExpected: report.keysExpected, keysFound: report.keysFound },
    schedule: { everySeconds: schedule.everySeconds },
    pointInTime,
    recovery: recovered,
  };
}

async function start(world: World, narrator: Narrator, keys: number): Promise<void> {
  narrator.step('A Temporal server with its Web UI, a Redis with data, and a worker');
  await startTemporal(world);
  narrator.say(`  Temporal   ${world.temporal.address}, Web UI ${world.temporal.webUi}, its data in a SQLite file`);
  await startRedis(world);
  await fillDataClasses({ port: world.redis.port }, { keys, extraSeconds: EXTRA_SECONDS });
  narrator.say(
    `  Redis      127.0.0.1:${world.redis.port}, ${formatCount(keys)} keys: sessions, cache, counters, flags, permissions`,
  );
  await startWorker(world);
  narrator.say('  worker     redis-backup worker');
}

async function check(narrator: Narrator, world: World, place: Place): Promise<void> {
  narrator.step('Is everything as backups and restores need it? What can be mended is mended');
  narrator.say(`  Backups go to ${place.url}. This Redis runs without append-only file, and there is no schedule yet.`);
  await narrator.run(['redis-backup', 'check', '--apply'], { allowed: [0, 60] }); // 60: the schedule comes in step 4
  assert.match(redisCli(world, 'CONFIG', 'GET', 'appendonly'), /yes/, 'check --apply did not switch the append-only file on');
}

async function backup(narrator: Narrator): Promise<SnapshotManifest> {
  narrator.step('A snapshot, now');
  await narrator.run(['redis-backup', 'backup', INSTANCE]);
  await narrator.run(['redis-backup', 'show', INSTANCE]);
  return narrator.askJson<SnapshotManifest>(['redis-backup', 'show', INSTANCE]);
}

async function scheduleBackups(narrator: Narrator, world: World): Promise<{ everySeconds: number; workflowId: string }> {
  narrator.step('And from now on every six hours, the first one at once; and every write in between, seconds old');
  await narrator.run(['redis-backup', 'archive', INSTANCE]);
  await narrator.run(['scripts/schedules']);
  const { schedules } = await narrator.askJson<{ schedules: { scheduleId: string; everySeconds: number }[] }>([
    'redis-backup',
    'schedules',
    '--dry-run',
  ]);
  const [schedule] = schedules;
  assert.equal(schedule?.everySeconds, SIX_HOURS_SECONDS, 'the schedule is not every six hours');
  const temporal = findBinary('temporal');
  const address = ['--address', world.temporal.address];
  const id = ['--schedule-id', schedule.scheduleId];
  await narrator.run([temporal, 'schedule', 'trigger', ...id, '--overlap-policy', 'BufferOne', ...address]);
  const workflowId = await triggeredRun(narrator, [temporal, 'schedule', 'describe', ...id, ...address, '-o', 'json']);
  await narrator.run([temporal, 'workflow', 'result', '--workflow-id', workflowId, ...address]);
  await narrator.run(['redis-backup', 'list']);
  return { everySeconds: schedule.everySeconds, workflowId };
}

async function triggeredRun(narrator: Narrator, describe: string[]): Promise<string> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
    const workflowId = /"workflowId":\s*"(backup\/[^"]+-\d{4}-[^"]+)"/.exec(await narrator.ask(describe))?.[1];
    if (workflowId) return workflowId;
  }
  throw new Error('the schedule was triggered and started nothing within a minute');
}

async function destroy(world: World, narrator: Narrator): Promise<void> {
  narrator.step('Disaster: everything is flushed, Redis is killed, and its files are overwritten');
  await narrator.run([findBinary('redis-cli'), '-p', `${world.redis.port}`, 'FLUSHALL']);
  const pid = redisPid(world);
  assert.ok(pid);
  await narrator.run(['kill', '-9', `${pid}`]);
  for (const file of globSync(`${world.redis.dataDirectory}/**/*.{rdb,aof,manifest}`)) overwrite(narrator, file);
  const code = await narrator.run([findBinary('redis-server'), world.redis.configFile], { allowed: [1] });
  assert.equal(code, 1);
  narrator.say('    It does not start any more.');
}

/** The first bytes of each file: enough that no Redis reads it. */
function overwrite(narrator: Narrator, path: string): void {
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(Math.min(4096, Math.max(16, statSync(path).size)), 'garbage '));
  closeSync(file);
  narrator.say(`    overwritten: ${path}`);
}

async function restore(narrator: Narrator, { backupId }: SnapshotManifest): Promise<RestoreReport> {
  narrator.step('Back: first what a restore would do and lose, then the restore itself');
  await narrator.run(['redis-backup', 'restore', INSTANCE, backupId, '--plan']);
  await narrator.run(['redis-backup', 'restore', INSTANCE, backupId, '--yes']);
  const result = [findBinary('temporal'), 'workflow', 'result', '--workflow-id', `restore/${INSTANCE}`, '-o', 'json'];
  const answer = JSON.parse(await narrator.ask(result)) as { result: RestoreReport };
  return answer.result;
}

async function prove(
  narrator: Narrator,
  world: World,
  { census, rdb }: SnapshotManifest,
  before: Contents,
  { keysExpected, keysFound }: RestoreReport,
): Promise<void> {
  narrator.step('The proof');
  const after = await contentsOf(world.redis.port);
  const row = (cells: string[]): string =>
    `  ${cells.map((cell, at) => (at === 0 ? cell.padEnd(16) : cell.padStart(15))).join('')}`;
  narrator.say(row(['data class', 'in the backup', 'in Redis now']));
  for (const { name, keys } of census.classes) {
    narrator.say(row([name, formatCount(keys), formatCount(after.byClass[name] ?? 0)]));
    assert.equal(after.byClass[name], keys, `data class ${name} did not come back whole`);
  }
  narrator.say(row(['all', formatCount(keysExpected), formatCount(keysFound)]));
  assert.equal(keysExpected, rdb.keys);
  assert.equal(keysFound, keysExpected, 'the restore itself says that keys are missing');
  assert.equal(after.digest, before.digest, 'values or times to live are not what they were before the disaster');
  narrator.say(`  Of ${formatCount(after.sampled)} keys every value and time to live is what it was before the disaster.`);
  await narrator.run(['redis-backup', 'status']);
  await narrator.run(['redis-backup', 'check']);
}

function sayWhereToLook(narrator: Narrator, { temporal, redis }: World, scheduledRun: string): void {
  const page = (workflowId: string) => `${temporal.webUi}/namespaces/default/workflows/${encodeURIComponent(workflowId)}`;
  narrator.step('Where to look');
  narrator.say(`  the snapshot       ${page(`backup/${INSTANCE}`)}
  the scheduled one  ${page(scheduledRun)}
  the last restore   ${page(`restore/${INSTANCE}`)}
  the recovery       ${page(WORKFLOW_IDS.recover(INSTANCE))}
  the log            ${page(WORKFLOW_IDS.archive(INSTANCE))}
  the schedule       ${temporal.webUi}/namespaces/default/schedules/redis-backup-${INSTANCE}
  Redis' directory   ${redis.dataDirectory}`);
}
