import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MINIMUM_ACL } from '../../redis/acl.ts';
import { openRedis } from '../../redis/client.ts';
import { failureOf } from '../support/failure-of.ts';
import { House } from '../support/house.ts';
import { Attempts } from '../support/refusals.ts';

const KEYS = 50;
const rules = [...MINIMUM_ACL.backup, ...MINIMUM_ACL.restore];
const user = (permitted: readonly string[]) => `on >secret resetchannels resetkeys -@all ${permitted.join(' ')}`;
const without = (rule: string) => rules.filter((other) => other !== rule);

describe('A user with the least permissions, over TLS,', function () {
  this.timeout(60_000);
  let house: House;
  let attempts: Attempts;

  before(async () => {
    const users = Object.fromEntries(rules.map((rule) => [nameOf(rule), user(without(rule))]));
    house = await House.open({
      redis: { tls: 'server', users: { backup: user(MINIMUM_ACL.backup), restore: user(rules), ...users } },
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
        return { backup: as('backup'), restore: as('restore'), ...Object.fromEntries(lacking) };
      },
    });
    attempts = new Attempts(house);
    await house.ask('DEBUG', 'POPULATE', String(KEYS));
  });
  after(() => house?.close());

  const restore = (instance: string) => attempts.restore('latest', { instance }) as Promise<{ keysFound: number }>;

  it('takes a backup with those of a backup, and cannot read a key', async () => {
    await attempts.backup('backup');
    const [manifest] = await house.repository.list('backup');
    assert.equal(manifest?.rdb.keys, KEYS);
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

  it('restores with those of a backup and of a restore', async () => {
    await attempts.backup('restore');
    await house.ask('FLUSHALL');
    assert.equal((await restore('restore')).keysFound, KEYS);
    assert.equal(await house.ask('DBSIZE'), KEYS);
  });
});

const nameOf = (rule: string): string => rule.slice(1).replaceAll('|', '-');
