import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import { findBinary } from '../support/binaries.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const PASSWORD = 'hunter2-of-redis';
const WRONG = 'hunter3-was-rotated';

describe('A secret', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    house = await House.open({
      redis: { password: PASSWORD, config: { appendonly: 'yes' } },
      instance: {
        archive: { segmentAge: '1s', restartDelay: '1s' },
        recovery: { restore: 'never', warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '1s' } },
      },
    });
  });
  after(() => house?.close());

  it('stands in no history, no log, no answer of the command and no object, whatever was done with it', async () => {
    const said: string[] = [];
    const run = async (...args: string[]): Promise<number> => {
      const { code, stdout, stderr } = await house.command(...args);
      said.push(stdout, stderr);
      return code;
    };
    const ran = async (...args: string[]) => assert.equal(await run(...args), 0, said.slice(-2).join(''));
    await house.ask('SET', 'session:1', 'token', 'EX', '3600');
    await run('check', '--json');
    await ran('archive');
    await until(async () => (await house.repository.snapshots({ instance: 'main', shard: '0' }).list()).length > 0, {
      what: 'the base of the log',
    });
    await ran('backup', '--json');
    await ran('restore', '--yes', '--json');
    await ran('restore', '--strategy', 'live', '--yes', '--json');
    await ran('restore', '--only', 'sessions', '--yes', '--json');
    const pid = Number(/process_id:(\d+)/.exec(String(await house.ask('INFO', 'server')))?.[1]);
    process.kill(pid, 'SIGKILL');
    const report = await house.client.workflow.execute('recoverRedis', {
      workflowId: 'recover/main',
      taskQueue: 'redis-ops',
      args: [{ instance: 'main' }],
    });
    assert.equal((report as RecoveryReport).outcome, 'serving');
    await house.ask('CONFIG', 'SET', 'requirepass', WRONG); // from now on ours is refused
    await ran('recover', '--dry-run', '--json');
    assert.notEqual(await run('backup', '--json'), 0);

    const places: Record<string, string> = { 'what the command said': said.join('\n'), 'the log of the worker': house.log };
    for await (const { workflowId, runId } of house.client.workflow.list()) {
      places[`the history of ${workflowId}`] = historyOf(house, workflowId, runId);
    }
    for (const file of filesUnder(join(house.dir, 'backups'))) places[file] = contentOf(file);
    assert.match(places['the history of recover/main'] ?? '', /restartEveryMs/, 'payloads can be read there');
    assert.ok(Object.keys(places).length > 15);
    for (const [place, text] of Object.entries(places)) {
      assert.notEqual(text, '', `${place} is empty`);
      for (const secret of [PASSWORD, WRONG]) {
        for (const form of [secret, Buffer.from(secret).toString('base64').slice(0, 12)]) {
          assert.ok(!text.includes(form), `${place} has it`);
        }
      }
    }
  });
});

/** Payloads as the server keeps them, and as people read them. */
function historyOf(house: House, workflowId: string, runId: string): string {
  const args = ['workflow', 'show', '--workflow-id', workflowId, '--run-id', runId, '--address', house.temporal.address];
  const of = (...more: string[]) =>
    execFileSync(findBinary('temporal'), [...args, ...more], { encoding: 'utf8', maxBuffer: 1 << 27 });
  return of('--output', 'json') + of('--detailed');
}

/** As it is, and as it was before it was compressed. */
function contentOf(file: string): string {
  const stored = readFileSync(file, 'latin1');
  return file.endsWith('.zst') ? stored + execFileSync(findBinary('zstd'), ['-dcq', file], { encoding: 'latin1' }) : stored;
}

const filesUnder = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
