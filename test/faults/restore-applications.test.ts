import assert from 'node:assert/strict';
import type { RestoreReport } from '../../model/operations.ts';
import { failureOf } from '../support/failure-of.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

const KEYS = 100;

describe('A restore whose applications do not come back', function () {
  this.timeout(180_000);
  let house: House;
  before(async () => {
    const applications = [{ name: 'shop', kind: 'command', command: ['false'], timeout: '1s' }];
    house = await House.open({ redis: { config: { appendonly: 'yes' } }, instance: { applications } });
    await house.ask('DEBUG', 'POPULATE', String(KEYS), 'cache', '50');
    await house.backup();
  });
  after(() => house?.close());

  beforeEach(async () => {
    await house.ask('FLUSHALL');
    await house.ask('SET', 'old', 'data');
  });

  const asked = async (askForMs?: number) => {
    const handle = await house.startRestore(askForMs === undefined ? {} : { askForMs });
    await until(async () => typeof (await handle.describe()).memo?.question === 'string', { what: 'the question', seconds: 60 });
    assert.equal(await house.ask('DBSIZE'), KEYS); // it serves meanwhile
    return handle;
  };

  it('asks, and keeps the restored data when a person says so', async () => {
    const handle = await asked();
    const question = String((await handle.describe()).memo?.question);
    assert.match(question, /main is restored and serves, but these applications do not reach it: shop/);
    await handle.executeUpdate('decide', { args: [{ by: 'ann', keep: true }] });
    const { warnings } = (await handle.result()) as RestoreReport;
    assert.match(warnings.join('\n'), /shop .*It stays: ann keeps it/);
    assert.equal(await house.ask('DBSIZE'), KEYS);
  });

  it('puts the old data back when a person wants it', async () => {
    const handle = await asked();
    await handle.executeUpdate('decide', { args: [{ by: 'ann', keep: false }] });
    const { code, message } = await failureOf(handle.result());
    assert.equal(code, 'APPLICATIONS_UNCONNECTED');
    assert.match(message, /ann wants the old data back/);
    await until(async () => !(await house.isLocked()), { what: 'the lock is free', seconds: 60 });
    assert.equal(await house.ask('GET', 'old'), 'data');
  });

  it('keeps the restored data, which serves, when nobody answers in time', async () => {
    const { warnings } = await house.restore({ askForMs: 1000 });
    assert.match(warnings.join('\n'), /It stays: nobody answered within/);
    assert.equal(await house.ask('DBSIZE'), KEYS);
  });

  it('refuses an answer that says too little, and tells whoever waits what was decided', async () => {
    const waiting = house.command('restore', 'main', '--yes');
    const handle = house.client.workflow.getHandle('restore/main');
    const decide = (message: object) => handle.executeUpdate('decide', { args: [message] });
    const isAsked = async () => typeof (await handle.describe()).memo?.question === 'string';
    const question = until(() => isAsked().catch(() => false), { what: 'the question', seconds: 90 });
    await Promise.race([question, waiting.then(({ stderr }) => assert.fail(`it ended without a question: ${stderr}`))]);
    assert.equal((await failureOf(decide({ by: 'ann' }))).code, 'USAGE');
    await decide({ by: 'ann', keep: true });
    const { code, stderr, stdout } = await waiting;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /warning: .*do not reach it: shop .*It stays: ann keeps it/);
  });
});
