import assert from 'node:assert/strict';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FilesPart } from '../../activities/dependencies.ts';
import type { Control } from '../../platforms/platform.ts';
import { openRedis } from '../../redis/client/client.ts';
import type { RedisConnection } from '../../redis/client/connection.ts';
import { until } from '../support/until.ts';

/** One Redis that a platform runs, not started yet, and how the test reaches it behind the back of that platform. */
export interface PlatformUnderTest extends AsyncDisposable {
  control: Control;
  files: FilesPart;
  /** Another object over the same Redis, as a restarted worker would have. */
  again(): Control;
  connection: RedisConnection;
  /** As this machine sees it; known once it has been started. */
  readonly dataDirectory: string;
  /** Adds a line to its redis.conf, for the next start. */
  addToConf(line: string): Promise<void>;
}

const signal = new AbortController().signal;
const WITHIN = { seconds: 60 };

/** What platforms/platform.ts promises of every platform. */
export function itBehavesLikeAPlatform(open: () => Promise<PlatformUnderTest>): void {
  let site: PlatformUnderTest;
  beforeEach(async () => {
    site = await open();
  });
  afterEach(async () => {
    await site.files.closePlacement();
    await site[Symbol.asyncDispose]();
  });

  const ask = async (...args: string[]) => {
    using client = await openRedis(site.connection);
    return await client.command(...args);
  };
  const serving = () =>
    until(() => ask('PING').then(yes, no), { what: 'Redis serves', ...WITHIN }).then(() => site.control.status());
  const started = async (): Promise<string> => {
    await site.control.start();
    const { identity } = await serving();
    assert.ok(identity, 'what runs has an identity');
    return identity;
  };

  it('says that nothing runs, and knows data directory and databases all the same', async () => {
    const { running, identity } = await site.control.status();
    assert.deepEqual([running, identity], [false, undefined]);
    assert.ok((await site.control.dataLayout()).dir.startsWith('/'));
    assert.equal(await site.control.databases(), 16);
    assert.equal((await site.control.trace()).crashLoop, false);
  });

  it('starts once, however often it is asked, and gives what it started one identity, for whoever asks', async () => {
    const identity = await started();
    assert.equal((await site.control.start()).identity, identity);
    assert.equal((await site.again().status()).identity, identity);
    assert.equal((await site.again().start()).identity, identity);
  });

  it('gives another identity after a restart', async () => {
    const identity = await started();
    await site.control.stop();
    assert.notEqual(await started(), identity);
  });

  it('returns from a stop when it is gone, also when it was gone before', async () => {
    await started();
    await site.control.stop();
    assert.equal((await site.control.status()).running, false);
    await assert.rejects(ask('PING'));
    await site.control.stop();
  });

  it('ends at once the very one that is meant, leaves any other alone, and is content with one that is gone', async () => {
    const first = await started();
    await site.control.stop();
    const second = await started();
    await assert.rejects(site.control.kill(first), { code: 'TARGET_IDENTITY' });
    assert.equal((await site.control.status()).identity, second);
    await site.control.kill(second);
    await until(async () => (await site.control.status()).identity !== second, { what: 'it is gone', ...WITHIN });
    await site.control.stop(); // a supervisor may have begun another one
    await site.control.kill(second);
  });

  it('says that it did not start', async () => {
    await site.addToConf('maxmemory lots');
    await assert.rejects(site.control.start(), { code: 'START_FAILED', message: /did not start/ });
  });

  it('tells when what runs is gone, and has its last lines', async () => {
    await started();
    const exited = site.control.exited();
    await site.control.stop();
    const { lastLines } = await exited;
    assert.match(lastLines.join('\n'), /Redis/);
    assert.deepEqual(await site.control.logs(3), (await site.control.exited()).lastLines.slice(-3), 'at once where none runs');
  });

  it('does not take the one that it runs for another, and knows another one', async () => {
    await started();
    const info = String(await ask('INFO', 'server'));
    const said = (name: string) => new RegExp(`^${name}:(.*)\\r$`, 'm').exec(info)?.[1] ?? '';
    const [, dir = ''] = (await ask('CONFIG', 'GET', 'dir')) as string[];
    const facts = { pid: Number(said('process_id')), configFile: said('config_file'), runId: said('run_id'), dir };
    assert.equal(await site.control.otherStart(facts), undefined);
    assert.notEqual((await site.control.identify(facts)).same, 'no');
    assert.notEqual((await site.control.identify({ ...facts, pid: 1, configFile: '/etc/other.conf' })).same, 'yes');
  });

  it('tries the next start beside what runs, and changes nothing of it', async () => {
    const identity = await started();
    await ask('SET', 'a', '1');
    const proof = await site.control.proveStart(async () => 'asked');
    if (proof.outcome !== 'unknown') assert.equal(proof.outcome, 'starts');
    assert.deepEqual([(await site.control.status()).identity, await ask('GET', 'a')], [identity, '1']);
  });

  it('reaches the files that its Redis writes, and is where it was opened as long as it is open', async () => {
    await started();
    await ask('SET', 'a', '1');
    await ask('SAVE');
    const { queue } = await site.files.openPlacement({ readOnly: true, signal });
    assert.equal((await site.files.openPlacement({ readOnly: true, signal })).queue, queue);
    await site.files.openPlacement({ readOnly: false, signal });
    const { layout } = site.files.open(await site.control.dataLayout());
    assert.ok((await readdir(layout.dir)).includes(layout.dbfilename));
    await mkdir(join(layout.dir, 'written'));
    assert.ok((await readdir(site.dataDirectory)).includes('written'), 'what is written there is in the data directory');
    await site.files.closePlacement();
    await site.files.closePlacement();
  });

  it('starts a Redis when nobody is in its files any more', async () => {
    await site.files.openPlacement({ readOnly: false, signal });
    await site.files.closePlacement();
    await started();
  });
}

const yes = () => true;
const no = () => false;
