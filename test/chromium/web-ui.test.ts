import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import type { Browser, Page } from 'playwright-core';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import type { RunbookStatus } from '../../model/recovery/runbook.ts';
import { findBinary } from '../support/binaries.ts';
import { openBrowser } from '../support/browser.ts';
import { House } from '../support/house.ts';
import { until } from '../support/until.ts';

/** Kept beside the documentation when it is made anew: `UPDATE_DOCS=1`. */
const SCREENSHOTS = fileURLToPath(
  new URL(process.env.UPDATE_DOCS ? '../../docs/images/' : '../../.cache/images/', import.meta.url),
);

describe('The page of a recovery in the Temporal Web UI', function () {
  this.timeout(180_000);
  let house: House;
  let browser: Browser;
  let page: Page;
  let running: WorkflowHandle & { firstExecutionRunId: string };

  before(async () => {
    house = await House.open({
      redis: { config: { appendonly: 'yes', appendfsync: 'always' } },
      temporal: { withUi: true },
      instance: {
        recovery: { askFor: '10m', warmup: { window: '1s', windows: 1, minLookups: 1, target: 0, limit: '2s' } },
      },
    });
    await house.reconfigure(({ instances }) => {
      const command = [findBinary('redis-cli'), '-p', String(house.redis.port), 'GET', 'session:1'];
      Object.assign(instances.main ?? {}, { applications: [{ name: 'shop', kind: 'command', command }] });
    });
    await house.ask('EVAL', "for i=1,2000 do redis.call('SET', 'session:'..i, 'token', 'EX', 86400) end", '0');
    await house.backup();
    await damageTheLog(house);
    browser = await openBrowser();
    page = await browser.newPage({ viewport: { width: 1440, height: 1320 } });
    mkdirSync(SCREENSHOTS, { recursive: true });
    const args = [{ instance: 'main', by: 'ann' }];
    running = await house.client.workflow.start('recoverRedis', { workflowId: 'recover/main', taskQueue: 'redis-ops', args });
  });
  after(async () => {
    await browser?.close();
    await house?.close();
  });

  const open = async (tab: string): Promise<void> => {
    await page.goto(`${house.temporal.ui}/namespaces/default/workflows/recover%2Fmain/${running.firstExecutionRunId}/${tab}`);
    await page.getByRole('heading', { name: 'recover/main' }).waitFor();
  };
  /** The UI draws our Markdown in a frame of its own. */
  const details = () => page.frameLocator('iframe[src*="/render"]').locator('body');
  /** As it is drawn: cells and paragraphs apart. */
  const readDetails = () => details().evaluate((body) => String(Reflect.get(body, 'innerText')));
  const keep = (name: string) => page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  const status = () => running.query<RunbookStatus>('status');

  it('says first what clients get, what the person must do and by when, and what was lost', async () => {
    await until(async () => (await status()).question !== undefined, { what: 'the question', seconds: 60 });
    await open('user-metadata');
    await details().getByText('main: reads and writes are answered since').waitFor();
    const text = await readDetails();
    const order = [
      'main: reads and writes',
      'You',
      'Yes: ',
      'Now',
      'Loss at worst',
      'Changed',
      'Applications',
      'Stop everything',
    ];
    const places = order.map((line) => text.indexOf(line));
    assert.deepEqual(
      places,
      [...places].sort((one, other) => one - other),
      text,
    );
    assert.match(text, /2,000 lost|2000 lost/);
    assert.match(text, /Bring sessions and other keys back/);
  });

  it('shows every step, with what it found', async () => {
    const rows = details().getByRole('row');
    const seen = (await rows.allInnerTexts()).map((row) => row.replace(/\s+/g, ' '));
    assert.equal(seen.length, 12, seen.join('\n'));
    assert.match(seen.find((row) => row.includes('Restart')) ?? '', /✅.*started empty/);
    assert.match(seen.find((row) => row.includes('Serving')) ?? '', /✅.*0 keys/);
    assert.match(seen.find((row) => row.includes('Data decision')) ?? '', /⏳/);
    assert.match(seen.find((row) => row.includes('Watch hit rate')) ?? '', /⬜/);
    await keep('recovery-asks');
  });

  it('names every activity and timer on the timeline in words that a person would say', async () => {
    await open('timeline');
    await page.getByText('keep the damaged files, out of the way').first().waitFor();
    await page.getByText('what is wrong with main, what is left, and what helps').first().waitFor();
    await page.getByText('asked:').first().waitFor();
    await keep('recovery-timeline');
  });

  it('can be found by instance, operation and phase', async () => {
    await open('search-attributes');
    for (const text of ['RedisInstance', 'RedisOperation', 'RedisPhase']) await page.getByText(text).first().waitFor();
    await page.getByText('"recovery"').first().waitFor();
  });

  it('takes the answer in its own dialog, and refuses a wrong one there', async () => {
    const { question } = await status();
    assert.ok(question);
    await open('user-metadata');
    await send('approve', { by: 'ann', plan: 'something else' });
    await page.getByText('is not what is asked now').first().waitFor();
    assert.ok((await status()).question, 'the question stands');
    await open('user-metadata');
    await send('approve', { by: 'ann', plan: question.plan, note: 'from the Web UI' });
    await until(async () => (await status()).question === undefined, { what: 'the answer' });
    const report = (await running.result()) as RecoveryReport;
    assert.deepEqual(
      report.decisions.map(({ answer, by, note }) => ({ answer, by, note })),
      [{ answer: 'approved', by: 'ann', note: 'from the Web UI' }],
    );
    assert.equal(report.restored?.find(({ name }) => name === 'sessions')?.restored, 2000);
  });

  it('ends with the report: on the page, and in the memo, which needs no worker', async () => {
    await open('user-metadata');
    await details().getByText('Ended, serving').waitFor();
    await house.killWorker();
    await open('memo');
    await page.getByText('"report"').first().waitFor();
    const { memo = {} } = await running.describe();
    assert.match((memo.report as RecoveryReport).summary, /damaged append-only log/);
  });

  /** Chooses an update and sends its message, as a person does. */
  async function send(name: string, message: object): Promise<void> {
    await page.getByRole('button', { name: 'More Actions' }).first().click();
    await page.getByRole('menuitem', { name: 'Send an Update' }).click();
    const dialog = page.getByRole('dialog', { name: 'Send an Update' });
    await dialog.getByTestId('update-select-button').click();
    await dialog.getByRole('option', { name }).first().click();
    await dialog.getByRole('textbox', { name: 'Data' }).click();
    await page.keyboard.insertText(JSON.stringify(message));
    await dialog.getByTestId('update-id').focus(); // left alone, the editor sets the JSON out anew, and the button moves
    await dialog.getByText('"by": "ann"').waitFor();
    await dialog.getByRole('button', { name: 'Submit' }).click();
  }
});

/** Kills Redis, and writes over the middle of its append-only log. */
async function damageTheLog(house: House): Promise<void> {
  const [, dir] = (await house.ask('CONFIG', 'GET', 'dir')) as string[];
  const pid = Number(/process_id:(\d+)/.exec(String(await house.ask('INFO', 'server')))?.[1]);
  process.kill(pid, 'SIGKILL');
  const log = join(String(dir), 'appendonlydir');
  const file = join(log, readdirSync(log).find((name) => name.endsWith('incr.aof')) ?? '');
  const bytes = readFileSync(file);
  bytes.fill(0x58, bytes.length >> 1, (bytes.length >> 1) + 40);
  writeFileSync(file, bytes);
}
