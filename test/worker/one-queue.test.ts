import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { named } from '../../model/deployment.ts';
import { hostQueue, QUEUES, SEARCH_ATTRIBUTES } from '../../model/operations.ts';
import { pollersOf, QUEUE_TYPE } from '../../worker/pollers.ts';
import { missingSearchAttributes } from '../../worker/search-attributes.ts';
import { killAtTheEnd } from '../support/processes.ts';
import { freePort, startTemporal, type TemporalServer } from '../support/temporal.ts';
import { until } from '../support/until.ts';

const LAUNCHER = path.resolve(import.meta.dirname, '../../cli/redis-backup');
const QUEUE = 'volume/7';

describe('A worker for one queue', function () {
  this.timeout(120_000);
  const dir = mkdtempSync(path.join(tmpdir(), 'redis-backup-queue-'));
  let temporal: TemporalServer;
  let client: Client;
  before(async () => {
    temporal = await startTemporal();
    client = await temporal.client();
  });
  after(async () => {
    await temporal?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const polls = async (queue: string, type: number): Promise<boolean> =>
    (await pollersOf(client.connection, 'default', named('staging', queue), type, Date.now())).length > 0;
  const answers = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });

  it('takes steps of that queue, and does nothing else that a worker does', async () => {
    const [metrics, webhook] = [await freePort(), await freePort()];
    const configFile = path.join(dir, 'redis-backup.yaml');
    const listen = (port: number) => ({ host: '127.0.0.1', port });
    const config = {
      deployment: 'staging',
      repository: { url: `file://${dir}/backups` },
      temporal: { address: temporal.address },
      worker: { host: 'here', metrics: listen(metrics), webhook: { ...listen(webhook), token: { env: 'TOKEN' } } },
      instances: { main: { url: 'redis://127.0.0.1:1', archive: {}, watch: {} } },
    };
    writeFileSync(configFile, JSON.stringify(config));
    const [, lost = ''] = Object.values(SEARCH_ATTRIBUTES);
    await client.connection.operatorService.removeSearchAttributes({ namespace: 'default', searchAttributes: [lost] });
    const args = ['worker', '--config', configFile, '--queue', QUEUE];
    const worker = killAtTheEnd(
      spawn(LAUNCHER, args, { env: { ...process.env, TOKEN: 't' }, stdio: ['ignore', 'ignore', 'pipe'] }),
    );
    let log = '';
    worker.stderr?.on('data', (text) => {
      log += text;
    });
    await until(() => polls(QUEUE, QUEUE_TYPE.activity), { what: 'it polls', seconds: 60 });
    const others = [...Object.values(QUEUES), hostQueue('here')].flatMap((queue) => [
      [queue, QUEUE_TYPE.activity] as const,
      [queue, QUEUE_TYPE.workflow] as const,
    ]);
    for (const [queue, type] of [...others, [QUEUE, QUEUE_TYPE.workflow] as const])
      assert.equal(await polls(queue, type), false, `${queue}, type ${type}`);
    assert.deepEqual([await answers(metrics), await answers(webhook)], [false, false]);
    assert.deepEqual(await missingSearchAttributes(client.connection, 'default'), [lost], 'it registers nothing');
    const { queues } = JSON.parse(log.split('\n').find((line) => line.includes('"worker is ready"')) ?? '{}');
    assert.deepEqual(queues, [named('staging', QUEUE)]);
    worker.kill('SIGTERM');
    assert.equal(await new Promise((resolve) => worker.once('exit', resolve)), 0, log);
  });
});
