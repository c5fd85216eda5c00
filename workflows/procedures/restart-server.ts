import type { RestartInput } from '../../activities/recovery/restart.ts';
import { controlOf, filesOf } from '../../model/placement.ts';
import type { Assessment } from '../../model/recovery/recovery.ts';
import { type NamedShard, shardIn } from '../../model/shard.ts';
import { codeOf, failure, reasonOf } from '../failures.ts';
import type { StepRunner } from './step-runner.ts';

export interface Restarted {
  /** Just before the start, by our clock. */
  beforeMs: number;
  /** Why nothing was done. */
  skipped?: string;
  /** Sizes of its logs right before the start, by name: what Redis then cuts off is lost. */
  logBytes?: Record<string, number>;
}

type Runner = Pick<StepRunner, 'runStep' | 'close'>;

/**
 * Ends Redis if it runs, so that its files hold all it had, and starts it. What is about to be done is written beside the data
 * first, so that it outlives whoever does it: Redis is not restarted again and again, and never started again whose start has failed.
 * @param protect - lets replicas go that have more than what is started, right before one is killed (a supervisor may start it at once),
 *   or before it is started. Returns what is so then
 * @throws those of `decideRestart` and `endServer`; `START_FAILED`
 */
export async function restartServer(
  runner: Runner,
  restart: RestartInput & NamedShard,
  protect: (isEnded: boolean) => Promise<Assessment> = async () => restart.assessment,
): Promise<Restarted> {
  const { kill = false, assessment } = restart;
  const of = shardIn(restart);
  const { name } = of;
  const byControl = (summary: string) => ({ at: controlOf(of), summary });
  const inFiles = (summary: string) => ({ at: filesOf(of), summary });
  let state = await runner.runStep('observeServer', of, byControl(`find the files of ${name}`));
  const { layout } = state;
  const { last: lastRestart, hasNoData } = await runner.runStep(
    'readRestart',
    { ...of, layout },
    inFiles('see when it was restarted last'),
  );
  const decision = await runner.runStep(
    'decideRestart',
    { ...restart, ...(lastRestart ? { last: lastRestart } : {}) },
    byControl(`see that ${name} may be restarted`),
  );
  if ('skipped' in decision) return decision;
  const { end, isNew } = decision;
  const killed = end && kill ? await protect(false) : undefined;
  if (end) {
    if (isNew) await runner.runStep('noteRestart', { ...of, layout, record: decision.record }, inFiles('note the restart'));
    state = await runner.runStep('endServer', { ...of, identity: end.identity, kill }, byControl(`stop ${name}`));
  }
  const now = killed ?? (await protect(end !== undefined));
  if ((hasNoData && !end) || now.actions.some(({ action }) => action === 'detach-replicas')) {
    const summary = 'see that no replica is wiped by it';
    await runner.runStep('refuseLesserStart', { ...of, assessment: now }, byControl(summary));
  }
  const { loggedAtMs } = state;
  const last = loggedAtMs === undefined ? {} : { loggedAtMs };
  const withoutData = assessment.actions.some(({ action }) => action === 'set-aside') ? { withoutData: last } : {};
  const { record } = await runner.runStep(
    'noteRestart',
    { ...of, layout, record: decision.record, starts: true, ...withoutData },
    inFiles('note the start'),
  );
  const later = (what: 'failed' | 'unsure', why: string) =>
    runner.runStep('noteRestart', { ...of, layout, record: { ...record, [what]: why } }, inFiles('note that it did not start'));
  await runner.close(filesOf(of));
  const started = await runner.runStep('startOnce', { ...of, ...last }, byControl(`start ${name}`)).catch(async (error) => {
    if (codeOf(error) === 'START_FAILED') await later('failed', reasonOf(error));
    throw error;
  });
  const { logBytes } = record;
  if (!('unsure' in started)) return { ...started, ...(logBytes ? { logBytes } : {}) };
  await later('unsure', started.unsure);
  throw failure('START_FAILED', started.unsure, 'It is looked at anew before it is started again.');
}
