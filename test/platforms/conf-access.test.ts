import assert from 'node:assert/strict';
import { chmod, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { accessText } from '../../model/changed-access.ts';
import { keepAccess } from '../../platforms/process/conf-access.ts';
import { redisBinaries } from '../support/redis-binaries.ts';
import { startRedis } from '../support/redis-server.ts';
import { skipWithout } from '../support/skip-without.ts';

const NOBODY = 65_534;
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('Who may read a redis.conf that Redis has written anew', () => {
  for (const binary of redisBinaries()) {
    it(`is the same as before, whatever ${binary.label} makes of it`, async () => {
      await using redis = await startRedis({ binary: binary.path });
      await chmod(redis.configFile, 0o600);
      const putBack = await keepAccess(redis.configFile);
      await redis.command('CONFIG', 'REWRITE');
      assert.equal(await modeOf(redis.configFile), 0o644, 'Redis asks nobody');
      assert.equal(await putBack(), undefined);
      assert.equal(await modeOf(redis.configFile), 0o600);
    });
  }

  it('is told by name where it may not be put back, with the command that does it', async function () {
    if (process.geteuid?.() !== 0) skipWithout('root', this);
    await using redis = await startRedis();
    await chmod(redis.configFile, 0o640);
    await chmod(dirname(redis.configFile), 0o755);
    const putBack = await keepAccess(redis.configFile);
    await redis.command('CONFIG', 'REWRITE');
    process.seteuid?.(NOBODY);
    const changed = await putBack().finally(() => process.seteuid?.(0));
    assert.ok(changed);
    assert.equal(
      accessText(changed),
      `${redis.configFile}, which CONFIG REWRITE writes anew, has other rights than before: mode 0644 of root:root, and had mode 0640 of root:root`,
    );
    assert.equal(changed.cure, `chown root:root '${redis.configFile}' && chmod 0640 '${redis.configFile}'`);
  });
});
