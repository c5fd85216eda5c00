import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MAIN } from '../../fixtures/shard.ts';
import { writeFakeSystemctl } from '../../platforms/support/fake-systemctl.ts';
import { until } from '../../support/until.ts';
import { found, type RecoverySite, recoverySite } from '../support/recovery-site.ts';

const UNIT = 'redis-server.service';

describe('A Redis that systemd brings up again and again', function () {
  this.timeout(30_000);
  const path = process.env.PATH;
  let site: RecoverySite;
  let calls: string;
  beforeEach(async () => {
    site = await recoverySite({ unit: UNIT, config: { save: '3600 1' } });
    const home = join(site.redis.dir, '..', 'systemd');
    mkdirSync(home);
    await writeFakeSystemctl(home, UNIT, [site.redis.binary.path, site.redis.configFile]);
    process.env.PATH = `${home}${delimiter}${path}`;
    calls = join(home, 'calls');
    await site.redis.stop();
  });
  afterEach(async () => {
    await site.platform.stop();
    process.env.PATH = path;
    await site[Symbol.asyncDispose]();
  });
  const serves = () => site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: Date.now() }));

  it('is stopped before its damaged data is set aside, and serves without it', async () => {
    writeFileSync(join(site.redis.dir, 'dump.rdb'), 'REDIS0009 no RDB at all');
    await site.platform.start().catch(() => undefined); // it ends, sooner or later
    await until(() => site.redis.log().split('Server initialized').length > 3, { what: 'it was brought up twice' });
    const input = found('rdb-damaged');
    const { names } = await site.during((actions) => actions.setAside(input));
    assert.deepEqual(names, ['dump.rdb']);
    assert.deepEqual(await site.platform.status(), { running: false });
    await site.during((actions) => actions.startEmpty(input));
    assert.equal((await serves()).keys, 0);
  });

  it('is restarted with what it has only in memory, and never by SHUTDOWN', async () => {
    await site.platform.start();
    await site.ask('CONFIG', 'SET', 'save', '');
    await site.ask('SET', 'a', '1');
    const { identity = '' } = await site.platform.status();
    await site.during((actions) => actions.restartServer(found('unknown', { platform: { running: true, identity } })));
    assert.equal((await serves()).keys, 1);
    assert.equal(
      readFileSync(calls, 'utf8')
        .split('\n')
        .filter((call) => call.startsWith('stop')).length,
      1,
    );
  });
});
