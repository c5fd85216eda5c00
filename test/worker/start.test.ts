import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { killAtTheEnd } from '../support/processes.ts';
import { freePort, startTemporal, type TemporalServer } from '../support/temporal.ts';
import { until } from '../support/until.ts';

const LAUNCHER = path.resolve(import.meta.dirname, '../../cli/redis-backup');

/** A worker as its supervisor starts it. */
class Started {
  readonly process: ChildProcess;
  readonly ended: Promise<number | string | null>;
  log = '';

  constructor(configFile: string) {
    this.process = killAtTheEnd(spawn(LAUNCHER, ['worker', '--config', configFile], { stdio: ['ignore', 'ignore', 'pipe'] }));
    this.process.stderr?.on('data', (text) => {
      this.log += text;
    });
    this.ended = new Promise((resolve) => this.process.once('exit', (code, signal) => resolve(code ?? signal)));
  }

  says = (words: string) => until(() => this.log.includes(words), { what: `"${words}" in the log` });

  async endsBy(signal: NodeJS.Signals): Promise<void> {
    this.process.kill(signal);
    assert.equal(await this.ended, 0, this.log);
  }

  warnings = () => this.log.split('\n').filter((line) => /"level":"(WARN|ERROR)"/.test(line));
}

describe('A worker that cannot live', function () {
  this.timeout(180_000);
  const dir = mkdtempSync(path.join(tmpdir(), 'redis-backup-start-'));
  let temporal: TemporalServer;
  let silent: Server;
  before(async () => {
    temporal = await startTemporal();
    silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
  });
  after(async () => {
    silent?.close();
    await temporal?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  function configFor(address: string, namespace = 'default'): string {
    const file = path.join(dir, `${namespace}.yaml`);
    const instances = { main: { url: 'redis://127.0.0.1:1' } };
    writeFileSync(file, JSON.stringify({ repository: { url: `file://${dir}/r` }, temporal: { address, namespace }, instances }));
    return file;
  }

  it('ends with the code of the table when it has no configuration, or a wrong one', async () => {
    const none = new Started(path.join(dir, 'none.yaml'));
    assert.equal(await none.ended, 2);
    assert.match(none.log, /^error: .*none\.yaml cannot be read/);
    const wrong = path.join(dir, 'wrong.yaml');
    writeFileSync(wrong, 'instances: {main: {url: 17}}\n');
    assert.equal(await new Started(wrong).ended, 2);
    writeFileSync(
      wrong,
      `repository: {url: "file://${dir}/r"}\ntemporal: {apiKey: {env: NOT_THERE}}\ninstances: {main: {url: "redis://127.0.0.1:1"}}\n`,
    );
    assert.equal(await new Started(wrong).ended, 2);
  });

  it('takes a changed file over without a restart, and no wrong one', async () => {
    const file = path.join(dir, 'changes.yaml');
    const write = (instances: object) =>
      writeFileSync(
        file,
        JSON.stringify({ repository: { url: `file://${dir}/r` }, temporal: { address: temporal.address }, instances }),
      );
    const main = { url: 'redis://127.0.0.1:1' };
    write({ main });
    const worker = new Started(file);
    const ready = () => worker.log.split('"worker is ready"').length - 1;
    await until(() => ready() === 1, { what: 'it is ready', seconds: 60 });
    write({ main: { url: 17 } });
    await until(() => worker.log.includes('is not taken over'), { what: 'the wrong file is named', seconds: 60 });
    write({ main, cache: { url: 'redis://127.0.0.1:2' } });
    await until(() => ready() === 2, { what: 'it is ready with the other one', seconds: 60 });
    assert.match(worker.log, /changes\.yaml has changed and is taken over/);
    await worker.endsBy('SIGTERM');
  });

  it('tries on while Temporal is away, says so, and ends by a signal', async () => {
    const config = configFor(`127.0.0.1:${await freePort()}`);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const worker = new Started(config);
      await worker.says('does not answer: no answer came in time; the worker tries on');
      await worker.endsBy(signal);
    }
  });

  it('ends by a signal where something takes the connection and never answers', async () => {
    const worker = new Started(configFor(`127.0.0.1:${(silent.address() as { port: number }).port}`));
    await worker.says('the worker tries on');
    await worker.endsBy('SIGTERM');
  });

  it('waits for a namespace that is not there yet, and logs no warning once it is', async () => {
    const worker = new Started(configFor(temporal.address, 'later'));
    await worker.says('has no namespace \\"later\\"; the worker tries on');
    const before = worker.warnings().length;
    const { workflowService } = await temporal.client();
    await workflowService.registerNamespace({
      namespace: 'later',
      workflowExecutionRetentionPeriod: { seconds: 86400 as never },
    });
    await worker.says('worker is ready');
    await worker.says('"state":"RUNNING"');
    assert.deepEqual(worker.warnings().slice(before), []);
    await temporal.kill();
    await worker.endsBy('SIGTERM');
    await temporal.start();
  });
});
