import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SKIP_WITHOUT = 'test/support/skip-without.ts';

describe('A test that is skipped', () => {
  it('says for want of which part of the machine', () => {
    const files = globSync('test/**/*.ts', { cwd: ROOT }).filter(
      (file) => file !== SKIP_WITHOUT && file !== 'test/skips.test.ts',
    );
    assert.ok(files.length > 300, `only ${files.length} files were looked at`);
    const other = files.filter((file) => /\.skip\(|\bx(it|describe)\(/.test(readFileSync(join(ROOT, file), 'utf8')));
    assert.deepEqual(other, [], `skip with skipWithout() of ${SKIP_WITHOUT}`);
  });

  it('is a failure with DISALLOW_SKIP=1, but for a part that the machine is said to lack', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'redis-backup-skips-'));
    await using _ = { [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
    const file = join(directory, 'one.test.ts');
    await writeFile(
      file,
      `import { skipWithout } from ${JSON.stringify(join(ROOT, SKIP_WITHOUT))};
       it('needs root', function () { skipWithout('root', this); });
       describe('a suite', () => { before(function () { skipWithout('mount', this); }); it('needs to mount', () => {}); });`,
    );
    const run = (env: Record<string, string>): string => {
      const { stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules/mocha/bin/mocha.js'), '--no-config', file], {
        env: { PATH: process.env.PATH, ...env },
        encoding: 'utf8',
      });
      return stdout.match(/\d+ (pending|failing)/g)?.join() ?? stdout;
    };
    assert.equal(run({}), '2 pending');
    assert.equal(run({ DISALLOW_SKIP: '1' }), '2 failing');
    assert.equal(run({ DISALLOW_SKIP: '1', LACKS: 'root' }), '1 pending,1 failing');
    assert.equal(run({ DISALLOW_SKIP: '1', LACKS: 'mount,root' }), '2 pending');
  });
});
