import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { Dependencies } from '../../activities/dependencies.ts';
import { type MetricsServer, observeQuestion, serveMetrics } from '../../worker/metrics.ts';

const OPEN = 'redis_backup_recovery_question_open';
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();

describe('The figures of a worker', () => {
  let server: MetricsServer;
  before(async () => {
    server = await serveMetrics({ host: '127.0.0.1', port: 0 }, { now: Date.now } as Dependencies, []);
  });
  after(() => server?.close());
  const figures = async () => (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  const asking = async () => [...(await figures()).matchAll(new RegExp(`^${OPEN}\\{instance="(.*)"\\} 1$`, 'gm'))].map(([, name]) => name); // biome-ignore format: one line

  it('say which recovery waits for an answer, until it is answered', async () => {
    observeQuestion('run-1', 'main', inSeconds(60));
    observeQuestion('run-2', 'cold', inSeconds(60));
    assert.deepEqual(await asking(), ['main', 'cold']);
    observeQuestion('run-2', 'cold');
    assert.deepEqual(await asking(), ['main']);
    observeQuestion('run-0', 'main'); // the replay of an older recovery
    assert.deepEqual(await asking(), ['main']);
    observeQuestion('run-1', 'main');
    assert.deepEqual(await asking(), []);
  });

  it('say nothing of a question whose time is over, whoever was told of its end', async () => {
    observeQuestion('run-3', 'main', inSeconds(-1));
    assert.deepEqual(await asking(), []);
  });

  it('are all that the alert rules and the documents name', async () => {
    const served = new Set((await figures()).match(/(?<=^# TYPE )\w+/gm));
    for (const file of [
      'deploy/prometheus/redis-backup.rules.yaml',
      'docs/continuous-log.md',
      'docs/watching.md',
      'docs/recovery.md',
    ]) {
      const text = await readFile(new URL(`../../${file}`, import.meta.url), 'utf8');
      const named = [...new Set(text.match(/\bredis_backup_\w+/g))];
      assert.notDeepEqual(named, [], file);
      assert.deepEqual(named.filter((name) => !served.has(name)), [], file); // biome-ignore format: one line
    }
  });
});
