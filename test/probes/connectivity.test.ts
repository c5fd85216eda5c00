import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RecoveryError } from '../../model/errors.ts';
import { type ApplicationProbe, type ConnectivityDeps, verifyConnectivity } from '../../probes/connectivity.ts';
import { openRedis } from '../../redis/client/client.ts';
import { startRedis } from '../support/redis-server.ts';

const verify = (apps: ApplicationProbe[], deps: Partial<ConnectivityDeps> = {}) =>
  verifyConnectivity(apps, {
    clientList: async () => '',
    sinceMs: Date.now() - 1000,
    timeoutMs: 300,
    pollEveryMs: 30,
    ...deps,
  });

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

describe('verifying that applications are back', () => {
  it('waits for a health URL until it answers 2xx', async () => {
    let asked = 0;
    await using server = await serve((_, response) => response.writeHead(++asked < 4 ? 503 : 204).end());
    const rounds: string[] = [];
    const [verdict] = await verify([{ name: 'web', kind: 'http', urls: [server.url] }], {
      timeoutMs: 10_000,
      onProgress: ([web]) => rounds.push(web?.verdict ?? ''),
    });
    assert.deepEqual(verdict, {
      name: 'web',
      kind: 'http',
      required: true,
      verdict: 'connected',
      detail: '1 of 1 seen at work',
      stragglers: [],
    });
    assert.deepEqual(rounds, ['missing', 'missing', 'missing', 'connected']);
  });

  it('says of each URL why it does not count, without its secrets', async () => {
    await using down = await serve((_, response) => response.writeHead(500).end());
    await using redirect = await serve((_, response) => response.writeHead(302, { location: '/sign-in' }).end());
    await using silent = await serve(() => {});
    const urls = [`${down.url}?token=hunter2`, redirect.url, silent.url, 'http://127.0.0.1:1/health'];
    const [verdict] = await verify([{ name: 'web', kind: 'http', urls, required: false, answerWithinMs: 100 }]);
    assert.equal(verdict?.verdict, 'missing');
    assert.equal(verdict?.required, false);
    assert.deepEqual(
      verdict?.stragglers.map((text) => text.replace(/:\d+/, '')),
      [
        'http://127.0.0.1/health (status 500)',
        'http://127.0.0.1/health (status 302)',
        'http://127.0.0.1/health (no answer within 100 ms)',
        'http://127.0.0.1/health (bad port)',
      ],
    );
  });

  it('is content with a quorum and names the stragglers', async () => {
    await using up = await serve((_, response) => response.end());
    const urls = [up.url, up.url, up.url, 'http://127.0.0.1:9/'];
    const [verdict] = await verify([{ name: 'web', kind: 'http', urls, quorum: 0.75 }]);
    assert.equal(verdict?.verdict, 'connected');
    assert.deepEqual(verdict?.stragglers.length, 1);
    const [strict] = await verify([{ name: 'web', kind: 'http', urls }]);
    assert.equal(strict?.verdict, 'missing');
  });

  it('runs a command until it succeeds, ends it when it hangs, and cannot tell when it is not there', async () => {
    const [good, bad, hanging, absent] = await verify([
      { name: 'good', kind: 'command', command: ['true'] },
      { name: 'bad', kind: 'command', command: ['sh', '-c', 'echo first >&2; echo no route to redis >&2; exit 3'] },
      { name: 'hanging', kind: 'command', command: ['sh', '-c', 'sleep 60 & wait'], answerWithinMs: 100 },
      { name: 'absent', kind: 'command', command: ['/absent/program'] },
    ]);
    assert.equal(good?.verdict, 'connected');
    assert.deepEqual(bad?.stragglers, ['bad (exit code 3: no route to redis)']);
    assert.deepEqual(hanging?.stragglers, ['hanging (no answer within 100 ms)']);
    assert.equal(absent?.verdict, 'cannot be told');
    assert.match(absent?.detail ?? '', /^\/absent\/program cannot be run: .*ENOENT/);
  });

  it('sees real clients of a real Redis, by name and by address, once they have sent a command', async () => {
    await using redis = await startRedis();
    const clientList = async () => String(await redis.command('CLIENT', 'LIST'));
    const app = (name: string): ApplicationProbe => ({ name, kind: 'clients', clientNames: [name] });
    using web = await openRedis(redis.connection);
    await web.command('CLIENT', 'SETNAME', 'web');
    const [before, nobody] = await verify([app('web'), app('jobs')], { clientList });
    assert.deepEqual(before?.stragglers, ['web (connected, but no command since)']);
    assert.equal(nobody?.verdict, 'missing');
    await web.command('GET', 'session:1');
    const [after, local] = await verify([app('web'), { name: 'local', kind: 'clients', addresses: ['127.0.0.0/8'] }], {
      clientList,
    });
    assert.equal(after?.verdict, 'connected');
    assert.equal(local?.verdict, 'connected');
  });

  it('never calls an application missing because CLIENT LIST cannot be had', async () => {
    const apps: ApplicationProbe[] = [{ name: 'web', kind: 'clients', addresses: ['10.0.0.1'] }];
    const denied = async () => {
      throw new RecoveryError('REDIS_PERMISSION_DENIED', 'the user lacks CLIENT LIST', { next: 'Grant it.' });
    };
    // Longer than any test may take: it does not wait for a right that nobody will grant.
    const [verdict] = await verify(apps, { clientList: denied, timeoutMs: 3_600_000 });
    assert.equal(verdict?.verdict, 'cannot be told');
    const [none] = await verify([{ name: 'web', kind: 'clients' }]);
    assert.equal(none?.detail, 'the configuration names none of its members');
  });

  it('ends at once when it is cancelled, with the reason', async () => {
    await using silent = await serve(() => {});
    const signal = AbortSignal.timeout(50);
    const apps: ApplicationProbe[] = [{ name: 'web', kind: 'http', urls: [silent.url], answerWithinMs: 60_000 }];
    await assert.rejects(verify(apps, { signal, timeoutMs: 60_000 }), { name: /TimeoutError|AbortError/ });
  });
});
