import assert from 'node:assert/strict';
import type { RecoveryReport } from '../../model/recovery/recovery.ts';
import type { RunbookStatus } from '../../model/recovery/runbook.ts';
import { PAGE_BYTES } from '../../model/recovery/runbook.ts';
import { assessment, damaged, fails, healthy, lost, PlayedRecovery, said, serves } from '../support/played-recovery.ts';

describe('recoverRedis', function () {
  this.timeout(180_000);
  let played: PlayedRecovery;
  before(async () => {
    played = await PlayedRecovery.open();
  });
  after(() => played?.close());

  it('restarts a Redis that died, sees it serve, and reports', async () => {
    const report = (await played.run()) as RecoveryReport;
    assert.equal(report.outcome, 'serving');
    assert.match(
      report.summary,
      /main\d+ serves since \S+ UTC, .* after the recovery began\. Found: Redis is not running\. No session is lost\. Hit rate: warm: 90 %\. Nothing is left to do\./,
    );
    assert.equal(report.snapshot, '20260101T000000Z');
    assert.equal(played.times('startOnce'), 1);
  });

  it('does nothing when it only has to say what it would do', async () => {
    const result = await played.run({}, { dryRun: true });
    assert.equal(result.outcome, 'planned');
    assert.deepEqual(
      played.steps.filter((step) => !['whichShard', 'openPlacement'].includes(step)),
      ['observeFromControl', 'observeFiles', 'assessFailure'],
    );
  });

  it('goes from one failure to the one behind it: dead, then a damaged log, then empty', async () => {
    const seen = [assessment(), damaged()];
    const starts = [fails('START_FAILED', 'Bad file format reading the append only file'), serves];
    const report = (await played.run({
      assessFailure: () => seen.shift(),
      awaitServingAgain: () => starts.shift()?.(),
    })) as RecoveryReport;
    assert.equal(report.outcome, 'serving');
    assert.deepEqual(report.keptAside, { directory: '/aside', bytes: 10 });
    assert.deepEqual(
      played.steps.filter((step) => ['startOnce', 'setAside', 'startEmpty'].includes(step)),
      ['startOnce', 'setAside', 'startEmpty'],
    );
  });

  it('asks before it starts empty where that is configured, and does as it is told', async () => {
    const ask = { question: 'Start empty?', otherwise: 'proceed' } as const;
    let during: RunbookStatus | undefined;
    const startEmpty = async () => {
      during = await running.status();
      return { beforeMs: Date.now() };
    };
    const running = await played.start({ assessFailure: () => damaged(ask), startEmpty });
    const question = await running.question();
    assert.equal(question.text, 'Start empty?');
    assert.match(await said(running.update('approve', { by: 'ann', plan: 'another' })), /not what is asked/);
    assert.match(await said(running.update('approve', { by: 'ann' })), /"plan" is missing/);
    const slip = { by: 'ann', plan: question.plan, declined: true };
    assert.match(await said(running.update('approve', slip)), /unknown field "declined" \(known: .*decline\)/);
    assert.equal(played.times('startEmpty'), 0);
    assert.equal(await running.update('approve', { by: 'ann', plan: question.plan, note: 'ok' }), 'approved by ann');
    const report = await running.report();
    assert.equal(played.times('startEmpty'), 1);
    assert.deepEqual([during?.question, during?.now], [undefined, 'start without it'], 'nobody is asked any more');
    assert.deepEqual(report.decisions, [{ question: 'Start empty?', answer: 'approved', by: 'ann', note: 'ok' }]);
  });

  it('takes no answer that was meant for an earlier incident with the same findings', async () => {
    const ask = { question: 'Start empty?', otherwise: 'proceed' } as const;
    const earlier = await played.start({ assessFailure: () => damaged(ask) });
    const { plan } = await earlier.question();
    assert.equal(await earlier.update('approve', { by: 'ann', plan }), 'approved by ann');
    await earlier.report();
    const later = await played.start({ assessFailure: () => damaged(ask) });
    const question = await later.question();
    assert.equal(question.plan.split('/').slice(1).join(), plan.split('/').slice(1).join(), 'the findings are the same');
    assert.match(await said(later.update('approve', { by: 'ann', plan })), /not what is asked/);
    assert.equal(played.times('startEmpty'), 0);
    await later.update('approve', { by: 'ann', plan: question.plan });
    await later.report();
  });

  it('puts availability first when nobody answers', async () => {
    const ask = { question: 'Start empty?', otherwise: 'proceed' } as const;
    const plan = damaged(ask);
    const report = (await played.run({
      assessFailure: () => ({ ...plan, settings: { ...plan.settings, askForMs: 1000 } }),
    })) as RecoveryReport;
    assert.equal(played.times('startEmpty'), 1);
    assert.equal(report.decisions[0]?.answer, 'nobody answered');
  });

  it('waits for a person where nothing else helps, and goes on when they have helped', async () => {
    const full = assessment({ failure: 'disk-full', actions: [], advice: ['Free space on /data.'], restartHelps: false });
    let mended = false;
    const running = await played.start({
      assessFailure: () => (mended ? healthy() : full),
      awaitServingAgain: () => (mended ? serves() : fails('REDIS_REFUSED', 'MISCONF')()),
    });
    await running.see(({ now }) => now.includes('Free space'), 'the advice');
    await running.see(({ needs }) => needs === 'Free space on /data', 'what the person has to do');
    mended = true;
    const report = await running.report();
    assert.equal(report.outcome, 'serving');
    assert.equal(played.times('startOnce'), 0);
  });

  it('ends as not serving, with what is to be done, when nobody helps', async () => {
    const bad = assessment({ failure: 'bad-configuration', actions: [], advice: ['Mend line 7 of redis.conf.'] });
    const report = (await played.run({
      assessFailure: () => ({ ...bad, settings: { ...bad.settings, askForMs: 1 } }),
      awaitServingAgain: fails('START_FAILED', 'no process'),
    })) as RecoveryReport;
    assert.equal(report.outcome, 'not-serving');
    assert.deepEqual(report.toDo, ['Mend line 7 of redis.conf.']);
    assert.match(report.summary, /To do: Mend line 7/);
    assert.equal(played.times('storeSnapshot'), 0);
  });

  it('touches nothing when only the worker is cut off', async () => {
    const report = (await played.run({
      assessFailure: () => assessment({ failure: 'cut-off', actions: [], advice: ['Mend the way from the worker.'] }),
    })) as RecoveryReport;
    assert.equal(report.outcome, 'serving');
    for (const step of ['startOnce', 'decideData', 'storeSnapshot', 'watchWarmup']) assert.equal(played.times(step), 0, step);
  });

  it('lets a promoted replica serve, and starts no second primary', async () => {
    const actions = [
      {
        action: 'promote-replica' as const,
        text: 'let the replica take over',
        ask: { question: 'Promote?', otherwise: 'skip' as const },
      },
      { action: 'start-empty' as const, text: 'start empty' },
    ];
    const running = await played.start({
      assessFailure: () => assessment({ failure: 'rdb-damaged', actions }),
      promoteReplica: () => ({ address: '10.0.0.7:6379', keys: 5 }),
    });
    const { plan } = await running.question();
    await running.update('approve', { by: 'ann', plan });
    const report = await running.report();
    assert.equal(report.outcome, 'serving-elsewhere');
    assert.equal(report.promoted, '10.0.0.7:6379');
    assert.equal(played.times('startEmpty'), 0);
  });

  const besideAnother = {
    successor: { address: '10.0.0.7:6379', keys: 5700 },
    actions: [
      {
        action: 'start-beside' as const,
        text: 'start it beside',
        ask: { question: 'Start it beside?', otherwise: 'stop' as const },
      },
      { action: 'restart' as const, text: 'start' },
    ],
  };

  it('starts no second primary where a former replica serves and nobody answers, and says both ways', async () => {
    const settings = { ...assessment().settings, askForMs: 200 };
    const report = (await played.run({ assessFailure: () => assessment({ ...besideAnother, settings }) })) as RecoveryReport;
    assert.equal(report.outcome, 'serving-elsewhere');
    assert.equal(report.promoted, '10.0.0.7:6379');
    assert.equal(played.times('startOnce'), 0);
    assert.match(report.summary, /^10\.0\.0\.7:6379 serves the data of main\d+\./);
    assert.match(report.toDo[0] ?? '', /^Point the applications at 10\.0\.0\.7:6379/);
    assert.match(report.toDo[1] ?? '', /`redis-backup recover main\d*`, approve/);
  });

  it('starts Redis beside it when a person approves, and does not ask that again', async () => {
    const starts = [fails('START_FAILED', 'no process'), serves];
    const running = await played.start({
      assessFailure: ({ beside = [] }: { beside?: string[] }) => (beside.length > 0 ? assessment() : assessment(besideAnother)),
      awaitServingAgain: () => starts.shift()?.(),
    });
    const { plan } = await running.question();
    await running.update('approve', { by: 'ann', plan });
    const report = await running.report();
    assert.deepEqual([report.outcome, report.promoted, report.decisions.length], ['serving', undefined, 1]);
    assert.match(report.actionsDone[0] ?? '', /started beside 10\.0\.0\.7:6379/);
  });

  it('brings lost sessions back when a person approves, and says so', async () => {
    const running = await played.start({ decideData: () => lost() });
    const question = await running.question();
    assert.match(question.text, /at most 90 sessions are lost\. Bring sessions back/);
    const page = await running.status();
    assert.equal(page.steps.find(({ step }) => step === 'serving')?.state, 'done', 'it serves while it asks');
    assert.equal(page.worstLoss, 'Counted, before anything is brought back: at most 90 sessions are lost');
    await running.update('approve', { by: 'ann', plan: question.plan });
    const report = await running.report();
    assert.equal(report.restored?.[0]?.restored, 85);
    assert.match(report.summary, /at most 90 sessions are lost; brought back: 85 sessions/i);
    assert.equal(report.authentication?.verdict, 'back-to-normal');
    assert.equal(played.times('removeThrowaway'), 1);
  });

  it('goes on without the sessions when a person declines', async () => {
    const running = await played.start({ decideData: () => lost() });
    const { plan } = await running.question();
    await running.update('approve', { by: 'ann', plan, decline: true });
    const report = await running.report();
    assert.equal(report.restored, undefined);
    assert.equal(report.outcome, 'serving');
  });

  it('takes a restore that fails for a finding, and not for a failure', async () => {
    const report = (await played.run({
      decideData: () => lost({ decision: 'restore' }),
      mergeClasses: fails('ARCHIVE_GAP', 'the log has a gap'),
    })) as RecoveryReport;
    assert.equal(report.outcome, 'serving');
    assert.match(report.toDo.join(), /could not be brought back: the log has a gap/);
  });

  it('asks before it restarts twice', async () => {
    let approved = false;
    const running = await played.start({
      decideRestart: (input: { approved?: boolean }) => {
        approved = input.approved === true;
        return approved ? { record: {}, isNew: true } : fails('RESTART_TOO_SOON', 'it was restarted 2 min ago')();
      },
    });
    const { plan, text } = await running.question();
    assert.match(text, /restarted 2 min ago\. Restart it again\?/);
    await running.update('approve', { by: 'ann', plan });
    assert.equal((await running.report()).outcome, 'serving');
    assert.equal(approved, true);
  });

  it('joins a recovery that runs under another id', async () => {
    const running = await played.start({ decideData: () => lost() });
    await running.question();
    const second = await played.client.workflow.execute('recoverRedis', {
      workflowId: `somebody/${running.instance}`,
      taskQueue: 'redis-ops',
      args: [{ instance: running.instance }],
    });
    assert.deepEqual((second as { outcome: string }).outcome, 'joined');
    await running.update('abort', { by: 'ann', reason: 'test' });
    await running.result();
  });

  it('keeps its page under 2 kB and says in the first lines what a woken person asks', async () => {
    const long = 'x'.repeat(900);
    const running = await played.start({
      assessFailure: () => assessment({ clients: `connections are refused ${long}`, changed: [long, long], worstLoss: long }),
      decideData: () => lost({ text: `at most 90 sessions are lost ${long}` }),
    });
    await running.question();
    const metadata = await running.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    assert.ok(Buffer.byteLength(metadata.currentDetails) <= PAGE_BYTES, `${Buffer.byteLength(metadata.currentDetails)} bytes`);
    const lines = metadata.currentDetails.split('\n').filter(Boolean);
    assert.match(lines[0] ?? '', /^\*\*main\d+: /);
    assert.match(lines[1] ?? '', /\*\*You\*\*/);
    assert.match(metadata.currentDetails, /update execute -w recover\/main\d+ --name hold/);
    await running.update('abort', { by: 'ann', reason: 'test' });
    await running.result();
  });

  it('refuses an input that was mistyped, before anything is looked at', async () => {
    const running = await played.start({}, { instnace: 'x' } as never);
    assert.match(await said(running.result()), /unknown field "instnace"/);
    assert.deepEqual(played.steps, []);
  });
});
