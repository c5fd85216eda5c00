import type { MendedLog } from '../../activities/recovery/mend-log.ts';
import type { KeptAside } from '../../activities/recovery/set-aside.ts';
import { controlOf, filesOf } from '../../model/placement.ts';
import { FAILURE_CLASSES } from '../../model/recovery/failure-classes.ts';
import type { ActionInput } from '../../model/recovery/recovery.ts';
import type { NamedShard, ShardRef } from '../../model/shard.ts';
import type { StepRunner } from './step-runner.ts';

type Runner = Pick<StepRunner, 'runStep' | 'close'>;
type Input = ActionInput & NamedShard;

/**
 * What a recovery does to the files of a Redis. Each ends it first, by its platform, and is told right before that nothing has started
 * it again; whoever is in its files then is gone before one is started.
 */
const placesOf = (of: ShardRef) => ({
  byControl: (summary: string) => ({ at: controlOf(of), summary }),
  inFiles: (summary: string) => ({ at: filesOf(of), summary }),
});

/**
 * Keeps what a starting Redis would load, out of its sight; whole files that are only not loaded are copied, and stay.
 * @throws `RESTORE_REFUSED` if Redis serves by now
 */
export async function keepAside(runner: Runner, { assessment, ...of }: Input): Promise<KeptAside> {
  const { name } = of;
  const { byControl, inFiles } = placesOf(of);
  const summary = 'keep the damaged files, out of the way';
  if (FAILURE_CLASSES[assessment.failure].filesStay) {
    const { layout } = await runner.runStep('observeServer', of, byControl(`find the files of ${name}`));
    return runner.runStep('copyAside', { ...of, layout }, inFiles('keep a copy of its files'));
  }
  const { layout } = await runner.runStep('endUnsaved', { ...of, unless: unlessOf(assessment) }, byControl(`stop ${name}`));
  return runner.runStep('setAside', { ...of, layout, foundAt: assessment.at }, inFiles(summary));
}

/** Another one than was looked at. */
const unlessOf = ({ server }: ActionInput['assessment']) => (server ? { server } : {});

/** Starts Redis without what was set aside. @throws those of `refuseEmptyStart` and `permitEmptyStart` */
export async function startEmpty(runner: Runner, { assessment, ...of }: Input): Promise<{ beforeMs: number }> {
  const { name } = of;
  const { byControl, inFiles } = placesOf(of);
  const found = await runner.runStep('refuseEmptyStart', { ...of, assessment }, byControl('see that no replica is wiped by it'));
  await runner.runStep('permitEmptyStart', { ...of, ...found }, inFiles('see that there is nothing to load'));
  await runner.close(filesOf(of));
  return runner.runStep('startEmpty', of, byControl(`start ${name} without the damaged data`));
}

/** Makes the manifest of append-only files again. Redis is started by `restartServer`. */
export async function rebuildManifest(runner: Runner, { assessment: _, ...of }: Input): Promise<{ files: string[] }> {
  const { name } = of;
  const { byControl, inFiles } = placesOf(of);
  const { layout } = await runner.runStep('endUnsaved', of, byControl(`stop ${name}`));
  return runner.runStep('rebuildManifest', { ...of, layout }, inFiles('make the manifest of the log again'));
}

/** Puts back what operations have moved away that did not end. A Redis that was started without it is ended. */
export async function putBackUnfinished(runner: Runner, { assessment: _, ...of }: Input): Promise<{ operations: string[] }> {
  const { name } = of;
  const { byControl, inFiles } = placesOf(of);
  const { layout } = await runner.runStep('observeServer', of, byControl(`find the files of ${name}`));
  await runner.runStep('refuseBesideDirect', { ...of, layout }, inFiles('see that nobody works there'));
  await runner.runStep('endUnsaved', of, byControl(`stop ${name}`));
  return runner.runStep('putBackUnfinished', { ...of, layout }, inFiles('put the data back that was moved away'));
}

/** Cuts the log behind its last whole command. Redis is started by `restartServer`. @throws those of `mendLog` */
export async function mendLog(
  runner: Runner,
  { assessment, mayLoseCommands, ...of }: Input & { mayLoseCommands?: boolean },
): Promise<MendedLog> {
  const { name } = of;
  const { byControl, inFiles } = placesOf(of);
  const { layout } = await runner.runStep('endUnsaved', { ...of, unless: unlessOf(assessment) }, byControl(`stop ${name}`));
  const input = { ...of, layout, ...(mayLoseCommands === undefined ? {} : { mayLoseCommands }) };
  return runner.runStep('mendLog', input, inFiles('cut the log behind its last whole command, on a copy'));
}
