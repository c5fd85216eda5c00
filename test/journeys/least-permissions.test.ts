import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RestoreReport } from '../../model/operations.ts';
import { MINIMUM_ACL } from '../../redis/acl.ts';
import { openRedis } from '../../redis/client/client.ts';
import { failureOf } from '../support/failure-of.ts';
import { House } from '../support/house.ts';
import { Attempts } from '../support/refusals.ts';
import { until } from '../support/until.ts';

const KEYS = 50;
const rules = [...MINIMUM_ACL.backup, ...MINIMUM_ACL.restore];
const live = [...MINIMUM_ACL.backup, ...MINIMUM_ACL.live];
const NAMES = ['backup', 'restore', 'counting', 'live', 'archive'];
const user = (permitted: readonly string[]) => `on >secret resetchannels resetkeys -@all ${permitted.join(' ')}`;
const without = (rule: string) => rules.filter((other) => other !== rule);

describe('A user with the least permissions, over TLS,', function () {
  this.timeout(180_000);
  let house: House;
  let attempts: Attempts;

  before(async () => {
    const users = Object.fromEntries(rules.map((rule) => [nameOf(rule), user(without(rule))]));
    house = await House.open({
      redis: {
        tls: 'server',
        users: {
          ...{ backup: user(MINIMUM_ACL.backup), restore: user(rules), counting: user([...rules, ...MINIMUM_ACL.classes]) },
          ...{ live: user(live), archive: user(MINIMUM_ACL.archive), ...users },
        },
      },
      others: ({ port, certificates }, dir) => {
        const password = { file: join(dir, 'password') };
        writeFileSync(password.file, 'secret');
        const as = (username: string) => ({
          url: `rediss://127.0.0.1:${port}`,
          tls: { ca: { file: certificates?.caFile } },
          username,
          password,
        });
        const lacking = rules.map((rule) => [nameOf(rule), as(nameOf(rule))]);
        const log = { archive: { ...as('archive'), archive: { segmentAge: '1s', restartDelay: '1s' } } };
        return { ...Object.fromEntries(NAMES.map((name) => [name, as(name)])), ...Object.fromEntries(lacking), ...log };
      },
    });
    attempts = new Attempts(house);
    await house.ask('DEBUG', 'POPULATE', String(KEYS));
  });
  after(() => house?.close());

  const restore = (instance: string, strategy = 'replace') =>
    attempts.restore('latest', { instance, strategy }) as Promise<RestoreReport>;

  it('takes a backup with those of a backup, and cannot read a key', async () => {
    await attempts.backup('backup');
    const [manifest] = await house.repository.snapshots({ instance: 'backup', shard: '0' }).list();
    assert.deepEqual([manifest?.rdb.keys, manifest?.takenAs], [KEYS, 'backup']);
    const { host, port, tls } = house.redis.connection;
    using client = await openRedis({ host, port, tls, username: 'backup', password: 'secret' });
    await assert.rejects(client.command('GET', 'key:1'), { code: 'REDIS_PERMISSION_DENIED' });
  });

  for (const rule of rules)
    it(`is refused without ${rule}, told so, and the data stays`, async () => {
      const instance = nameOf(rule);
      const { code, next } = await failureOf(
        rule === '+shutdown' ? attempts.backup(instance).then(() => restore(instance)) : attempts.backup(instance),
      );
      assert.equal(code, 'REDIS_PERMISSION_DENIED');
      assert.ok(next.endsWith(`ACL SETUSER ${instance} ${rule}`), next);
      assert.equal(await house.ask('DBSIZE'), KEYS);
    });

  for (const name of ['restore', 'live'])
    it(`restores with those of a backup and of ${name === 'live' ? 'a live' : 'a'} restore, and says that nothing was counted by class`, async () => {
      await attempts.backup(name);
      await house.ask('FLUSHALL');
      const { warnings, keysFound, keysAfter } = await restore(name, name === 'live' ? 'live' : 'replace');
      const says = /was not counted by data class: .* refused SELECT to user/;
      assert.ok(
        warnings.some((text) => says.test(text)),
        warnings.join('\n'),
      );
      assert.deepEqual([keysFound, keysAfter.keys, keysAfter.classes], [KEYS, KEYS, []]);
      assert.match(keysAfter.uncounted ?? '', /by class is not permitted \(\+select \+scan\)/);
      assert.equal(await house.ask('DBSIZE'), KEYS);
    });

  it('counts by class with the two rules more that this takes', async () => {
    await attempts.backup('counting');
    const { warnings, keysAfter } = await restore('counting');
    assert.ok(!warnings.some((text) => text.includes('not counted by data class')));
    const counted = keysAfter.classes.reduce((sum, { keys }) => sum + keys, 0);
    assert.deepEqual([counted, keysAfter.uncounted], [KEYS, undefined]);
  });

  it('begins a continuous log without a backup, and goes on with it, and is refused nothing', async () => {
    await house.ask('ACL', 'LOG', 'RESET');
    const { code, stderr } = await house.command('archive', 'archive');
    assert.equal(code, 0, stderr);
    await until(async () => (await house.repository.snapshots({ instance: 'archive', shard: '0' }).list()).length === 1, {
      what: 'the base of the log',
      seconds: 90,
    });
    const archive = house.repository.archive({ instance: 'archive', shard: '0' });
    await until(async () => (await archive.newestTimeline()) !== undefined, { what: 'a timeline', seconds: 90 });
    const stored = async () => {
      const timeline = await archive.newestTimeline();
      return timeline ? (await archive.position(timeline.timelineId)).end : -1;
    };
    const follows = async () => {
      const before = await stored();
      await house.ask('SET', 'written', `${before}`);
      await until(async () => (await stored()) > before, { what: 'the write is stored', seconds: 90 });
    };
    await follows();
    await house.ask('CLIENT', 'KILL', 'TYPE', 'replica');
    await follows();
    // Its sign-in begins with a PING, as that of a replica does, and a refusal of it is an answer like any other.
    const refused = ((await house.ask('ACL', 'LOG')) as unknown[][]).map((one) => String(one[one.indexOf('object') + 1]));
    assert.deepEqual(
      refused.filter((command) => command !== 'ping'),
      [],
    );
    await house.ask('DEL', 'written');
    await house.client.workflow.getHandle('archive/archive').cancel();
  });

  it('needs no more than the documentation says', async () => {
    const text = await readFile(new URL('../../docs/continuous-log.md', import.meta.url), 'utf8');
    const lines = [...text.matchAll(/^ACL SETUSER redis-backup (.*)$/gm)].map(([, line = '']) => line.split(' '));
    const documented = [
      [...rules, ...MINIMUM_ACL.classes],
      [...live, ...MINIMUM_ACL.classes],
    ];
    assert.deepEqual(
      lines,
      documented.map((all) => ['on', '><password>', 'resetkeys', '-@all', ...new Set(all)]),
    );
  });
});

const nameOf = (rule: string): string => rule.slice(1).replaceAll('|', '-');
