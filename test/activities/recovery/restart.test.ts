import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { observeFiles, observeFromControl } from '../../../activities/recovery/observe.ts';
import { OPERATIONS } from '../../../redis/acl.ts';
import { MAIN } from '../../fixtures/shard.ts';
import { redisBinaries } from '../../support/redis-binaries.ts';
import { found, Killed, type RecoverySite, recoverySite, SETTINGS } from '../support/recovery-site.ts';

const serves = (site: RecoverySite, more: { logBytes?: Record<string, number> } = {}) =>
  site.during((actions) => actions.awaitServingAgain({ ...MAIN, sinceMs: Date.now(), ...more }));

/** As it is assessed now. */
async function assessed(site: RecoverySite, more: Parameters<typeof found>[1] = {}) {
  const { identity, running } = await site.platform.status();
  const runId = /run_id:(\w+)/.exec(String(await site.ask('INFO', 'server').catch(() => '')))?.[1];
  const server = { runId: runId ?? '', version: '', uptimeSeconds: 1, keys: 0, role: 'master' as const };
  return found('unknown', { platform: { running, ...(identity ? { identity } : {}) }, ...(runId ? { server } : {}), ...more });
}

describe('A restart', function () {
  this.timeout(30_000);

  for (const { path: binary, label } of redisBinaries())
    it(`keeps what ${label} has only in memory, and is done once however often it is tried`, async () => {
      await using site = await recoverySite({ binary });
      await site.ask('SET', 'a', '1');
      const input = await assessed(site);
      const { skipped } = await site.during((actions) => actions.restartServer(input));
      assert.equal(skipped, undefined);
      assert.equal((await serves(site)).keys, 1);
      const { identity, name } = await site.platform.status();
      const again = await site.during((actions) => actions.restartServer(input));
      assert.equal(again.skipped, `it runs as ${name} since then`);
      assert.equal((await site.platform.status()).identity, identity);
    });

  for (const fate of ['before stop', 'after stop', 'before start', 'after start'] as const)
    it(`keeps all and starts once when the worker is killed ${fate}`, async () => {
      await using site = await recoverySite();
      await site.ask('SET', 'a', '1');
      const input = await assessed(site);
      site.fate = fate;
      await assert.rejects(
        site.during((actions) => actions.restartServer(input)),
        Killed,
      );
      site.fate = undefined;
      await site.during((actions) => actions.restartServer(input));
      assert.equal((await serves(site)).keys, 1);
      assert.equal(site.redis.log().split('Server initialized').length, 3); // once by the test, once by us
    });

  it('of one whose worker died is not done again where it does not run, because a second start may destroy', async () => {
    await using site = await recoverySite();
    const input = await assessed(site);
    await site.during((actions) => actions.restartServer(input));
    await serves(site);
    const { identity = '' } = await site.platform.status();
    await site.platform.kill(identity);
    const again = await site.during((actions) => actions.startOnce(MAIN), undefined, 2);
    assert.match('unsure' in again ? again.unsure : '', /^the worker died while it started main, which does not run/);
    assert.equal((await site.platform.status()).running, false);
  });

  it('of one that runs is refused when it would not start again, and told before', async () => {
    await using site = await recoverySite();
    await site.ask('ACL', 'SETUSER', 'bob', 'on', '>bpw', '~*', '+@all');
    const seen = await observeFromControl('here', site.platform, site.redis.connection);
    assert.equal(seen.nextStart?.outcome, 'starts');
    const bob = seen.nextStart?.outcome === 'starts' && seen.nextStart.differences.find(({ name }) => name === 'bob');
    assert.ok(bob, JSON.stringify(seen.nextStart));
    appendFileSync(site.redis.configFile, '\nmaxmemory-polcy allkeys-lru\n');
    const input = await assessed(site);
    const { identity } = await site.platform.status();
    await assert.rejects(
      site.during((actions) => actions.restartServer(input)),
      { code: 'CONFIG_UNSTARTABLE' },
    );
    assert.equal((await site.platform.status()).identity, identity);
  });

  it('is refused to a second recovery within the limit, unless a person approves it', async () => {
    await using site = await recoverySite();
    const first = await assessed(site);
    const before = Date.now();
    await site.during((actions) => actions.restartServer(first));
    const { data } = await observeFiles({ layout: await site.platform.dataLayout() }, {});
    assert.ok(Date.parse(data?.restarted?.at ?? '') >= before, 'it is seen, and said before it is asked');
    await serves(site);
    const second = await assessed(site);
    await assert.rejects(
      site.during((actions) => actions.restartServer(second), 'another'),
      { code: 'RESTART_TOO_SOON', message: /^a recovery restarted main \d s ago; once in 600 s it may by itself$/ },
    );
    const { identity } = await site.platform.status();
    await site.during((actions) => actions.restartServer({ ...second, approved: true }), 'another');
    await serves(site);
    assert.notEqual((await site.platform.status()).identity, identity);
    const third = await assessed(site, { settings: { ...SETTINGS, restartEveryMs: 1 } });
    await site.during((actions) => actions.restartServer(third), 'a third');
  });

  it('ends a Redis that hangs only when a person has approved it', async () => {
    await using site = await recoverySite({ config: { appendonly: 'yes', appendfsync: 'always' } });
    await site.ask('SET', 'a', '1');
    const input = await assessed(site);
    await site.redis.kill('SIGSTOP');
    await assert.rejects(
      site.during((actions) => actions.restartServer(input)),
      { code: 'STOP_FAILED' },
    );
    assert.equal(site.redis.isRunning(), true);
    await site.during((actions) => actions.restartServer({ ...input, approved: true, kill: true }));
    assert.equal((await serves(site)).keys, 1);
    assert.equal(await site.redis.exited(), 'SIGKILL');
  });

  it('does not start again what could not start', async () => {
    await using site = await recoverySite();
    await site.redis.stop();
    const input = await assessed(site);
    const config = readFileSync(site.redis.configFile, 'utf8');
    appendFileSync(site.redis.configFile, 'no-such-directive yes\n');
    const restart = () => site.during((actions) => actions.restartServer(input));
    const { message } = await restart().then(
      () => assert.fail('it started'),
      (error: Error) => error,
    );
    assert.match(message, /did not start \(exit code 1\)/);
    writeFileSync(site.redis.configFile, config);
    await assert.rejects(restart(), { code: 'START_FAILED', message });
    assert.equal((await site.platform.status()).running, false);
  });
});

describe('Serving again', function () {
  this.timeout(30_000);

  it('is told of each start, and not before it is ready', async () => {
    await using site = await recoverySite();
    for (let time = 1; time <= 3; time++) {
      await site.redis.stop();
      await site.redis.restart('started');
      const isReady = () => site.redis.log().split('Ready to accept').length > time + 1;
      await serves(site);
      assert.ok(isReady());
    }
  });

  it('says how many bytes of the log Redis has cut off', async () => {
    await using site = await recoverySite({ config: { appendonly: 'yes', appendfsync: 'always' } });
    await site.ask('SET', 'a', '1');
    const log = join(site.redis.dir, 'appendonlydir');
    const name = readdirSync(log).find((one) => one.endsWith('.incr.aof')) ?? '';
    const whole = readFileSync(join(log, name)).length;
    await site.ask('SET', 'b', '2');
    await site.redis.kill('SIGKILL');
    truncateSync(join(log, name), whole + 11);
    const input = await assessed(site);
    const { logBytes = {} } = await site.during((actions) => actions.restartServer(input));
    const { keys, warnings } = await serves(site, { logBytes });
    assert.equal(keys, 1);
    assert.deepEqual(warnings, [`Redis cut the append-only log ${name} off at byte ${whole}: 11 bytes are lost.`]);
  });

  it('ends with what the log says when the process ends while it loads', async () => {
    await using site = await recoverySite();
    await site.redis.stop();
    writeFileSync(join(site.redis.dir, 'dump.rdb'), 'REDIS0009 no RDB at all');
    await site.redis.restart('started');
    await assert.rejects(serves(site), { code: 'START_FAILED', message: /^main ended while it was loading .*(Short read|RDB)/ });
  });

  it('needs a write, and says what refuses it', async () => {
    await using site = await recoverySite();
    await using replica = await recoverySite();
    await replica.ask('REPLICAOF', '127.0.0.1', String(site.redis.port));
    await site.ask('CONFIG', 'SET', 'maxmemory', '1');
    const refused = { code: 'REDIS_REFUSED' };
    await Promise.all([
      assert.rejects(serves(site), { ...refused, message: /OOM command not allowed/ }),
      assert.rejects(serves(replica), { ...refused, message: /it is a replica of 127\.0\.0\.1:/ }),
    ]);
  });

  it('is waited for over the protocol alone where the process is not ours to see', async () => {
    await using site = await recoverySite({ external: true });
    await site.ask('SET', 'a', '1');
    const wait = { ...MAIN, sinceMs: Date.now() };
    const { keys, warnings } = await site.during((actions) => actions.awaitServesFromAfar(wait));
    assert.deepEqual([keys, warnings], [1, []]);
  });

  it('needs no more permissions than are documented, leaves no key, and says when it may not write', async () => {
    const rules = OPERATIONS.find(({ name }) => name === '`recover`, Redis started by a command')?.rules ?? [];
    const user = (permitted: readonly string[]) => `on >secret resetchannels resetkeys -@all ${permitted.join(' ')}`;
    const users = { able: user(rules), unable: user(rules.filter((rule) => rule !== '+set')) };
    for (const username of ['able', 'unable']) {
      await using site = await recoverySite({ users, connection: { username, password: 'secret' } });
      const { warnings } = await serves(site);
      const said = 'No write was tried, because our user may not: Give the user this permission: ACL SETUSER unable +set';
      assert.deepEqual(warnings, username === 'able' ? [] : [said]);
      assert.equal(await site.ask('DBSIZE'), 0);
      const input = await assessed(site);
      assert.deepEqual(await refusedTo(site), username === 'able' ? [] : ['set']);
      await site.during((actions) => actions.restartServer(input));
      await site.during((actions) => actions.makePrimary(MAIN));
      await site.during((actions) => actions.killScript(MAIN));
      assert.deepEqual(await refusedTo(site), []);
    }
  });
});

/** The commands that Redis has refused to a user since it runs. */
async function refusedTo(site: RecoverySite): Promise<unknown[]> {
  const entries = (await site.ask('ACL', 'LOG')) as unknown[][];
  return [...new Set(entries.map((fields) => fields[fields.indexOf('object') + 1]))];
}
