import { CancellationScope, isCancellation, patched } from '@temporalio/workflow';
import type { FailedAgain } from '../../activities/recovery/still-serves.ts';
import type { Assessment, AuthenticationWatch, WarmupWatch } from '../../model/recovery/recovery.ts';
import type { StepId } from '../../model/recovery/runbook.ts';
import { reasonOf } from '../failures.ts';
import { runStep } from '../steps/run-step.ts';
import { isStepFailure, type Run, skippedNote } from './run.ts';

/**
 * Watches what people and caches do, without the lock: nothing is changed any more. A Redis that fails meanwhile ends it.
 * @returns how it failed again
 */
export async function watchAfterwards(run: Run, assessment: Assessment): Promise<FailedAgain | undefined> {
  const begun = new Date(Date.now()).toISOString();
  run.page.say('watching sign-ins and hit rate');
  return whileServing(run, () => Promise.all([signIns(run, assessment, begun), warmup(run, assessment, begun)]));
}

/**
 * Does what is done with a Redis that serves again; one that fails meanwhile ends it.
 * @returns how it failed again
 */
export async function whileServing(run: Run, body: () => Promise<unknown>): Promise<FailedAgain | undefined> {
  const work = new CancellationScope();
  const guard = new CancellationScope();
  const worked = work.run(body).then(() => undefined);
  const failed = guard.run(() => seeItServe(run));
  try {
    // A guard that cannot look says nothing, and hinders nothing.
    const again = await Promise.race([worked, failed.catch(() => worked)]);
    if (again) work.cancel();
    if (again) await worked.catch(() => undefined); // its cancellation
    return again;
  } finally {
    guard.cancel();
    await failed.catch(() => undefined); // as that of the guard
  }
}

/** What another operation has stopped in order is told, and how long it has answered begins anew behind that. */
async function seeItServe({ of, page, found }: Run): Promise<FailedAgain> {
  for (let stoppedBy: string | undefined; ; ) {
    const { runId } = found.serving ?? {};
    const known = { ...of, ...(runId ? { runId } : {}), ...(stoppedBy ? { stoppedBy } : {}) };
    const news = await runStep('watchServing', known, { summary: `see that ${of.name} goes on serving` });
    if ('detail' in news) return news;
    stoppedBy = 'since' in news ? news.stoppedBy : undefined;
    if ('since' in news)
      page.clients(`nothing is answered: ${news.stoppedBy} has stopped Redis, since ${timeOf(news.since)} UTC`);
    else {
      const { answersSince: at, stoppedBy: by } = news;
      if (found.serving) found.serving = { ...found.serving, runId: news.runId, anew: { at, by } };
      page.clients(`reads and writes are answered since ${timeOf(at)} UTC, after ${by} had stopped Redis`);
    }
  }
}

const timeOf = (iso: string): string => iso.slice(11, 19);

async function signIns(run: Run, { instance, settings }: Assessment, begun: string): Promise<void> {
  const { page, found } = run;
  const { verdict } = found.data ?? {};
  const note = verdict === 'within-tolerance' ? 'no session was lost' : 'not known whether sessions were lost';
  if (verdict !== 'lost') return page.end('sessions', 'skipped', note);
  const normalPerSecond = found.before?.authenticationPerSecond;
  found.authentication = await watched<AuthenticationWatch>(run, 'sessions', 'watching authentication requests', (extraMs) =>
    runStep(
      'watchAuthentication',
      {
        instance,
        ...(settings.authentication ? { settings: extended(settings.authentication, extraMs) } : {}),
        begun,
        ...(normalPerSecond === undefined ? {} : { normalPerSecond }),
      },
      { summary: `watch sign-ins: ${found.forecast?.text ?? 'a spike is expected'}` },
    ),
  );
}

async function warmup(run: Run, { settings, since, at }: Assessment, begun: string): Promise<void> {
  run.found.warmup = await watched<WarmupWatch>(run, 'warmup', 'watching the hit rate', (extraMs) =>
    runStep(
      'watchWarmup',
      {
        ...run.of,
        settings: extended(settings.warmup, extraMs),
        begun,
        failedAt: since ?? at,
        ...(run.found.before ? { baseline: run.found.before } : {}),
      },
      { summary: 'watch the hit rate until it is as before' },
    ),
  );
}

const extended = <T extends { limitMs: number }>(source: T, extraMs: number): T => ({
  ...source,
  limitMs: source.limitMs + extraMs,
});

/**
 * One watch; `extendMonitoring` ends it, and it begins anew with a longer limit that counts from the same moment. So it does when
 * its last word comes together with the extension, which has been accepted by then.
 */
async function watched<T extends { verdict: string; text: string }>(
  run: Run,
  step: StepId,
  now: string,
  watch: (extraMs: number) => Promise<T>,
): Promise<T | undefined> {
  const { page, controls } = run;
  page.begin(step, now);
  for (;;) {
    const { extraMs } = controls;
    const isExtended = () => controls.extraMs > extraMs && !controls.abortedBy;
    try {
      const seen = await controls.skippable(step, () => watch(extraMs));
      if (seen && isExtended() && patched('extended-at-the-end')) continue;
      if (!seen) page.end(step, 'skipped', skippedNote(run, step));
      else page.end(step, 'done', seen.text);
      return seen;
    } catch (error) {
      if (isCancellation(error) && isExtended()) continue;
      if (!isStepFailure(error)) throw error;
      if (isExtended() && patched('extended-at-the-end')) continue;
      page.end(step, 'failed', reasonOf(error));
      return undefined;
    }
  }
}
