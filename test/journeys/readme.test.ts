import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBinary } from '../support/binaries.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The command lines of README under `<!-- test: temporal -->`, letter by letter. */
function commandsOfReadme(): string[] {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const blocks = [...text.matchAll(/<!-- test: temporal -->\n```console\n([^`]*)```/g)].map(([, block = '']) => block);
  return blocks.flatMap((block) => block.split('\n').filter((line) => line.startsWith('$ '))).map((line) => line.slice(2));
}

describe('What README says to type for the temporal CLI', function () {
  this.timeout(180_000);
  let house: House;
  const path = mkdtempSync(join(tmpdir(), 'redis-backup-path-'));
  before(async () => {
    symlinkSync(findBinary('temporal'), join(path, 'temporal'));
    house = await House.open({
      redis: { config: { appendonly: 'yes' } },
      instance: {
        archive: { restartDelay: '1s' },
        watch: {},
        recovery: { warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '2s' } },
      },
    });
    await house.ask('SET', 'session:1', 'token');
    await house.backup();
    await house.command('archive');
    await until(async () => (await house.command('archive', '--status')).stdout.includes('stored up to offset'), {
      what: 'the archiver follows',
    });
    await house.ask('SET', 'session:2', 'token');
    await until(async () => /stored up to offset [1-9]\d/.test((await house.command('archive', '--status')).stdout), {
      what: 'the log has something',
    });
  });
  after(async () => {
    await house?.close();
    rmSync(path, { recursive: true, force: true });
  });

  /** As a person types it, in the root of a clone. */
  const type = (line: string): Promise<{ code: number; text: string }> =>
    new Promise((resolve) => {
      const env = {
        ...process.env,
        PATH: `${path}${delimiter}${process.env.PATH}`,
        TEMPORAL_ADDRESS: house.temporal.address,
      };
      execFile('sh', ['-c', line], { cwd: ROOT, env, timeout: 60_000 }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, text: stdout + stderr }),
      );
    });

  for (const line of commandsOfReadme()) {
    it(line, async () => {
      const { code, text } = await type(line);
      assert.equal(code, 0, text);
      const id = /start .*--workflow-id (\S+)/.exec(line)?.[1];
      // The next line may need its end; archive and watch never end.
      if (id && !['archive/main', 'watch/main'].includes(id)) await house.client.workflow.getHandle(id).result();
    });
  }

  it('is all of it: every example of an input is used', () => {
    const used = commandsOfReadme().flatMap((line) => /examples\/(\S+)\.json/.exec(line)?.[1] ?? []);
    assert.deepEqual(used.sort(), [
      'applyRetention',
      'archiveContinuously',
      'backupAof',
      'backupSnapshot',
      'mergeFromBackup',
      'recoverRedis',
      'restoreFromAof',
      'restoreFromRdb',
      'watchRedis',
    ]);
  });
});
