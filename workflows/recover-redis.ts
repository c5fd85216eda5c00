import { type ApplicationFailure, CancellationScope, ContinueAsNew, continueAsNew, isCancellation } from '@temporalio/workflow';
import type { FailedAgain } from '../activities/recovery/still-serves.ts';
import { filesOf } from '../model/placement.ts';
import { FAILURE_CLASSES } from '../model/recovery/failure-classes.ts';
import type { Assessment, RecoveryInput, RecoveryReport, RecoveryResult } from '../model/recovery/recovery.ts';
import { summaryOf } from '../model/recovery/text.ts';
import { askedIn } from '../model/shard.ts';
import { failure, reasonOf } from './failures.ts';
import { CHECKS, checkInput } from './inputs.ts';
import type { LockReport } from './lock/messages.ts';
import { type NotHeld, withInstanceLock } from './lock/with-instance-lock.ts';
import { bringBack, type Service } from './recovery/bring-back.ts';
import { Aborted, Controls } from './recovery/controls.ts';
import { aftercare, connectivity, data } from './recovery/data.ts';
import { HolderQuestion } from './recovery/holder.ts';
import { Page } from './recovery/page.ts';
import { assess, type LockedRun, type Run, softly } from './recovery/run.ts';
import { watchAfterwards, whileServing } from './recovery/watches.ts';
import { closeLookedAt, needsClosing } from './steps/placements.ts';
import { runStep } from './steps/run-step.ts';

/** A restore that runs is waited for, and shown. */
const LOCK_WAIT_SECONDS = 6 * 3600;
/** So often one recovery brings a Redis back; how often it is restarted without being asked is for `restartEvery` to say. */
const MOST_TIMES = 5;
/** What was seen before a longer wait is not true any more. */
const STALE_MS = 3_000;

/**
 * The runbook of a Redis that is down or lost data: availability first, then the truth about the data. It looks, protects what
 * is left, restarts only where that helps, waits until Redis serves and the applications are back, brings lost sessions back
 * where that is allowed, takes a snapshot, and then watches sign-ins and hit rate without the lock.
 */
export async function recoverRedis(input: RecoveryInput): Promise<RecoveryResult> {
  checkInput(
    'recoverRedis',
    input,
    { instance: CHECKS.instance },
    {
      shard: CHECKS.shard,
      by: CHECKS.text,
      dryRun: CHECKS.flag,
      onDamage: CHECKS.onDamage,
      restore: CHECKS.restore,
      earlier: CHECKS.names,
      beside: CHECKS.names,
    },
  );
  const { instance } = input;
  const page = new Page(input);
  const controls = new Controls(page);
  const found: Run['found'] = { actionsDone: [], applications: [], toDo: [], beside: [...(input.beside ?? [])], startedMs: 0 };
  for (const before of input.earlier ?? []) page.note(before);
  let run: Run | undefined;
  try {
    const of = await runStep('whichShard', askedIn(input), { summary: `which Redis ${instance} is` });
    run = { input, of, page, controls, found };
    return await recover(run);
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    if (error instanceof Aborted && run) {
      if (run.found.first) return ended(run, 'aborted');
      throw unseen(run);
    }
    page.finish(isCancellation(error) ? 'cancelled' : 'failed', reasonOf(error), { error: reasonOf(error) });
    throw error;
  } finally {
    await CancellationScope.nonCancellable(() => closeLookedAt(instance));
  }
}

async function recover(run: Run): Promise<RecoveryResult> {
  const { input, of, page, controls } = run;
  const { instance, shard, name } = of;
  page.begin('assess', 'looking at Redis, its machine, the applications and the repository');
  const assessment = await controls.unlessAborted(() => assess(run));
  page.end('assess', 'done', FAILURE_CLASSES[assessment.failure].title);
  if (input.dryRun) {
    page.finish('planned', 'nothing was done', assessment);
    return { outcome: 'planned', instance, assessment };
  }
  page.begin('lock', `waiting until nothing else changes ${name}`);
  const service = await controls.unlessAborted(async () => {
    const question = new HolderQuestion(run, assessment);
    const onWait = (report: LockReport) => question.about(report);
    try {
      return await withInstanceLock({ instance, shard, kind: 'recovery', waitSeconds: LOCK_WAIT_SECONDS, onWait }, (held) => {
        question.over();
        return underLock({ ...run, held }, assessment);
      });
    } finally {
      question.over();
    }
  });
  if (typeof service === 'object') return 'since' in service ? again(run, service) : notHeld(run, service);
  if (service === 'serving' && !servesOthers(run)) {
    const failed = await controls.unlessAborted(() => watchAfterwards(run, assessment));
    if (failed) return again(run, failed);
  }
  return ended(run, service);
}

/** Redis failed again when it had served: back to the first step, as a new run under the same id, with a page of its own. */
async function again(run: Run, { since, detail }: FailedAgain): Promise<RecoveryResult> {
  const { input, of, found, page, controls } = run;
  const { earlier = [] } = input;
  const { servedAt = '', anew } = found.serving ?? {};
  const served = (anew?.at ?? servedAt).slice(11, 19);
  const before = `${of.name} served from ${served} to ${since.slice(11, 19)} UTC, and failed again: ${detail}`;
  if (earlier.length + 1 >= MOST_TIMES) {
    found.toDo.push(`${before}. It was brought back ${earlier.length + 1} times: find out why it does not stay`);
    return ended(run, 'not-serving');
  }
  page.clients(`Redis failed again at ${since.slice(11, 19)} UTC: ${detail}`);
  await controls.mayGoOn(() => softly(page, 'a look', assess(run)).then(() => undefined));
  const { beside } = found;
  return continueAsNew<typeof recoverRedis>({
    ...input,
    earlier: [...earlier, before],
    ...(beside.length > 0 ? { beside } : {}),
  });
}

async function underLock(run: LockedRun, first: Assessment): Promise<Service | FailedAgain> {
  const { page } = run;
  const waitedMs = Date.now() - Date.parse(first.at);
  page.end('lock', 'done', 'nothing else changes it now');
  if (run.hasControl && needsClosing(filesOf(run.of))) {
    const summary = `leave the data directory of ${run.of.name}`;
    await run.held.undoLater({ undo: 'closeFiles', args: run.of, when: 'always', summary });
  }
  const assessment = waitedMs > STALE_MS ? await assess(run) : first;
  const service = await bringBack(run, assessment);
  if (service === 'not-serving') return service;
  if (service === 'serving-elsewhere' || servesOthers(run)) {
    if (service === 'serving') await connectivity(run);
    return service;
  }
  const failed = await whileServing(run, async () => {
    await Promise.all([connectivity(run), data(run, first)]);
    await aftercare(run);
  });
  return failed ?? service;
}

/** Applications, and not us: there is nothing to count, and nothing to watch. */
function servesOthers({ found: { assessment } }: Run): boolean {
  return assessment !== undefined && FAILURE_CLASSES[assessment.failure].serves === 'others';
}

function notHeld(run: Run, { outcome, because }: NotHeld): RecoveryResult {
  const { instance, name } = run.of;
  if (outcome === 'joined') {
    run.page.finish('joined', because, { because });
    return { outcome, instance, because };
  }
  run.found.toDo.push(`Something else holds ${name}: ${because}`);
  return ended(run, 'not-serving');
}

/** Aborted before anything was seen: there is nothing to report. */
function unseen({ page, controls }: Run): ApplicationFailure {
  const { by = '', reason = '' } = controls.abortedBy ?? {};
  const text = `aborted by ${by}: ${reason}`;
  page.finish('aborted', text, { error: text });
  return failure('CANCELLED', text, 'Nothing was looked at, and nothing was done. Start it again when it shall go on.');
}

function ended(run: Run, outcome: RecoveryReport['outcome']): RecoveryReport {
  const { found, page, controls, input, of } = run;
  const {
    first,
    assessment: _newest,
    startedMs: _started,
    before: _before,
    mergeBegun: _begun,
    cutOff: _cut,
    startsLater: _later,
    logBytes: _bytes,
    beside: _beside,
    ...rest
  } = found;
  if (!first) throw new Error('nothing was assessed');
  const report: RecoveryReport = {
    ...rest,
    ...(input.earlier ? { earlier: input.earlier } : {}),
    toDo: [...new Set(rest.toDo)], // each round may have found the same
    outcome,
    instance: of.name,
    failure: found.failure ?? first.failure,
    assessment: first,
    decisions: controls.decisions,
    summary: '',
  };
  report.summary = summaryOf(report, controls.abortedBy);
  page.finish(outcome, report.summary, report);
  return report;
}
