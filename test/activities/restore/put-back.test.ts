import assert from 'node:assert/strict';
import { createPutBackActivities } from '../../../activities/restore/put-back.ts';
import type { RestorePlan } from '../../../model/restore/plan/plan.ts';
import type { RedisConnection } from '../../../redis/client/connection.ts';
import { until } from '../../support/until.ts';
import { recoverySite } from '../support/recovery-site.ts';

interface Refusal {
  by: string;
  redis: Parameters<typeof recoverySite>[0];
  connection: Partial<RedisConnection>;
  said: RegExp;
}

const REFUSALS: Refusal[] = [
  {
    by: 'a password that was changed',
    redis: { password: 'new' },
    connection: { password: 'old' },
    said: /WRONGPASS|invalid username-password/,
  },
  { by: 'a password that we have not', redis: { password: 'new' }, connection: { password: undefined }, said: /NOAUTH/ },
  {
    by: 'an ACL without INFO',
    redis: { users: { backup: 'on >secret +ping' } },
    connection: { username: 'backup', password: 'secret' },
    said: /NOPERM.*ACL SETUSER backup \+info/,
  },
  { by: 'a CA that we do not know', redis: { tls: 'server' }, connection: { tls: {} }, said: /TLS failed/ },
];

describe('A Redis that is put back, and refuses us', function () {
  this.timeout(30_000);

  const putBack = (site: Awaited<ReturnType<typeof recoverySite>>) =>
    site.during(() => createPutBackActivities(site.deps).serveAgain({ plan: { instance: 'main' } as RestorePlan }));

  for (const { by, redis, connection, said } of REFUSALS)
    it(`by ${by}, serves all the same: nobody waits for it, and the reason is said at once`, async () => {
      await using site = await recoverySite({ ...redis, connection });
      const { remains } = await putBack(site);
      assert.equal(remains?.code, 'PUT_BACK');
      assert.match(`${remains?.because} ${remains?.next}`, said);
      const { note = '' } = site.progress.at(-1) ?? {};
      assert.match(note, said);
      assert.match(note, /^it runs, and refuses us/);
    });

  it('by the number of its connections, does so, too', async () => {
    await using site = await recoverySite({ config: { maxclients: '2' } });
    const first = await site.redis.client();
    const isAlone = async () => /connected_clients:1\r/.test(String(await first.command('INFO', 'clients')));
    await until(isAlone, { what: 'whoever waited for its start has gone' });
    const second = await site.redis.client();
    await second.command('PING');
    await putBack(site);
    assert.match(site.progress.at(-1)?.note ?? '', /takes no more connections: ERR max number of clients/);
    for (const client of [first, second]) client.close();
  });
});
