import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Alarm } from '../../model/watch/watch.ts';
import { serveWebhook, type Webhook } from '../../worker/webhook.ts';

const TOKEN = 'a-token-of-a-test';
const STARTS_AT = '2026-08-01T10:42:07.000Z';

interface Said {
  status: number;
  body: { alerts?: Record<string, string>[]; error?: string; next?: string };
  headers: Headers;
}

const alert = (labels: Record<string, string>, more: object = {}) => ({
  status: 'firing',
  labels: { alertname: 'RedisDown', ...labels },
  annotations: {},
  startsAt: STARTS_AT,
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'http://prometheus',
  fingerprint: 'f00dcafe',
  ...more,
});
/** As Alertmanager sends it. */
const delivery = (...alerts: object[]) => ({
  version: '4',
  groupKey: '{}:{alertname="RedisDown"}',
  truncatedAlerts: 0,
  status: 'firing',
  receiver: 'redis-backup',
  groupLabels: {},
  commonLabels: {},
  commonAnnotations: {},
  externalURL: 'http://alertmanager',
  alerts,
});

describe('The webhook of a worker', () => {
  let webhook: Webhook;
  let raised: { instance: string; alarm: Alarm }[];
  let token: string;
  let away: boolean;
  before(async () => {
    webhook = await serveWebhook({
      host: '127.0.0.1',
      port: 0,
      requestMs: 1000,
      token: async () => token,
      watched: (name) => new Map([['main', true], ['cold', false]]).get(name), // biome-ignore format: a table
      async raise(instance, alarm) {
        if (away) throw new Error('Temporal is away');
        raised.push({ instance, alarm });
        return raised.length === 1 ? 'started' : 'already handled';
      },
    });
  });
  beforeEach(() => {
    raised = [];
    token = TOKEN;
    away = false;
  });
  after(() => webhook.close());

  async function send(body: unknown, { path = '/alert', method = 'POST', given = `Bearer ${TOKEN}` } = {}): Promise<Said> {
    const response = await fetch(`http://127.0.0.1:${webhook.port}${path}`, {
      method,
      headers: given ? { authorization: given } : {},
      ...(method === 'GET' ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Said['body'], headers: response.headers };
  }

  it('holds no connection for a caller that sends slowly', async () => {
    const socket = connect(webhook.port, '127.0.0.1');
    socket.write(`POST /alert HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 1000\r\n\r\n`);
    const drip = setInterval(() => socket.write(' '), 100);
    try {
      const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(5_000) });
      assert.match(String(answer), /^HTTP\/1.1 408 /);
    } finally {
      clearInterval(drip);
      socket.destroy();
    }
  });

  it('tells the watcher of the instance that label redis_instance names, once for each alert', async () => {
    const { status, body } = await send(
      delivery(alert({ redis_instance: 'main', instance: '10.0.0.1:9121' }), alert({ instance: 'main' })),
    );
    assert.equal(status, 200);
    const incident = `f00dcafe@${STARTS_AT}`;
    assert.deepEqual(body.alerts, [
      { incident, instance: 'main', answer: 'started' },
      { incident, instance: 'main', answer: 'already handled' },
    ]);
    const alarm = { incident, by: 'alert RedisDown', startsAt: STARTS_AT };
    assert.deepEqual(raised, [
      { instance: 'main', alarm },
      { instance: 'main', alarm },
    ]);
  });

  it('takes what no watcher is for, with a note, so that it is not sent for ever', async () => {
    const { status, body } = await send(
      delivery(
        alert({ redis_instance: 'nobody' }),
        alert({ redis_instance: 'constructor' }),
        alert({ instance: '10.0.0.1:9121' }),
        alert({ redis_instance: 'cold' }),
        alert({ redis_instance: 'main' }, { status: 'resolved' }),
        alert({ redis_instance: 'main', source: 'redis-backup' }),
      ),
    );
    assert.equal(status, 200);
    assert.deepEqual(
      body.alerts?.map(({ note }) => note),
      [
        'no instance is called nobody',
        'no instance is called constructor',
        'no label redis_instance names an instance',
        'instances.cold.watch is not configured',
        'resolved: the watcher sees that itself',
        'it repeats what the watcher has seen itself',
      ],
    );
    assert.deepEqual(raised, []);
  });

  for (const given of ['', 'Bearer', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(0, -1)}`, `Basic ${TOKEN}`, TOKEN]) {
    it(`refuses with 401 who says "${given}"`, async () => {
      const { status, body, headers } = await send(delivery(alert({ redis_instance: 'main' })), { given });
      assert.equal(status, 401);
      assert.equal(headers.get('www-authenticate'), 'Bearer');
      assert.doesNotMatch(JSON.stringify(body), new RegExp(TOKEN));
      assert.deepEqual(raised, []);
    });
  }

  it('takes a rotated token without a restart', async () => {
    token = 'rotated';
    assert.equal((await send(delivery())).status, 401);
    assert.equal((await send(delivery(), { given: 'Bearer rotated' })).status, 200);
  });

  for (const [body, error] of [
    ['{', 'the body is not JSON'],
    ['[]', 'the body is not one JSON object'],
    [{ version: '5', alerts: [] }, 'version is "5", it must be "4"'],
    [{ version: '4' }, 'alerts is not a list'],
    [delivery(alert({}), { status: 'odd' }), 'alerts[1].status is neither "firing" nor "resolved"'],
    [delivery({ ...alert({}), labels: null }), 'alerts[0].labels is not an object'],
    [delivery(alert({}, { fingerprint: 'a b' })), 'alerts[0].fingerprint is missing'],
    [delivery(alert({}, { startsAt: 'soon' })), 'alerts[0].startsAt is not a time'],
  ] as const) {
    it(`refuses with 400: ${error}`, async () => {
      const said = await send(body);
      assert.deepEqual([said.status, said.body.error], [400, error]);
      assert.ok(said.body.next);
    });
  }

  it('has no other page and no other method', async () => {
    assert.equal((await send('', { path: '/' })).status, 404);
    const { status, headers } = await send('', { method: 'GET' });
    assert.deepEqual([status, headers.get('allow')], [405, 'POST']);
  });

  it('asks for a repetition with 503 when Temporal or the token is away', async () => {
    away = true;
    const { status, body } = await send(delivery(alert({ redis_instance: 'main' })));
    assert.deepEqual([status, body.error], [503, 'the watcher could not be told: Temporal is away']);
  });

  it('refuses with 413 what is larger than 1 MB, also when it does not say so before', async () => {
    const said = await new Promise<number | undefined>((resolve, reject) => {
      const sending = request({
        port: webhook.port,
        host: '127.0.0.1',
        path: '/alert',
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-length': 2 * 1024 * 1024 },
      });
      sending.once('response', (response) => resolve(response.statusCode)).once('error', reject);
      sending.write('x');
    });
    assert.equal(said, 413);
    const chunked = await new Promise<number | undefined>((resolve, reject) => {
      const sending = request({
        port: webhook.port,
        host: '127.0.0.1',
        path: '/alert',
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      let answered = false;
      sending.once('response', (response) => {
        answered = true;
        resolve(response.statusCode);
      });
      sending.on('error', (error) => answered || reject(error)); // it closes on us in the middle
      sending.write('x'.repeat(1024 * 1024 + 1));
    });
    assert.equal(chunked, 413);
  });
});
