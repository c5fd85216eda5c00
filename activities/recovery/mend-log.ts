import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import { cutText, damageText, type LogDamage } from '../../model/recovery/log-damage.ts';
import { type CutAside, cutBefore, cutLog, writeLogLook } from '../../platforms/data-directory.ts';
import { WORK_DIRECTORY } from '../../platforms/data-layout.ts';
import type { DataLayout } from '../../platforms/platform.ts';
import { removeThrowaways } from '../../platforms/throwaway/leftovers.ts';
import { findServerBinary } from '../../platforms/throwaway/server-binary.ts';
import { startThrowaway } from '../../platforms/throwaway/throwaway.ts';
import { findDamage } from '../../redis/aof/damage.ts';
import { layOutTrial, shortenLog } from '../../redis/aof/trial.ts';
import { openRedis } from '../../redis/client/client.ts';
import type { Dependencies, ThrowawayNeeds } from '../dependencies.ts';
import { currentJob } from '../job-context.ts';
import { requireFiles } from '../parts.ts';
import type { InLayout } from './set-aside.ts';

const NEW_DEFAULT = 'appendonlydir';

export interface MendLogInput extends InLayout {
  /** Whole commands that stand behind the damage may be lost. */
  mayLoseCommands?: boolean;
}

export interface MendedLog {
  /** `middle`: whole commands are left out, too. */
  where: LogDamage['where'];
  /** What was found and how much of it is cut, one sentence each. */
  found: string;
  cut: string;
  /** The files as they were. */
  kept: { directory: string; bytes: number };
}

export const createMendLogActivities = (deps: Dependencies) => ({
  /**
   * Cuts a damaged log behind its last whole command, on a copy that a throw-away Redis has loaded first, and keeps the original.
   * Redis must be stopped. A retry goes on where the last attempt ended. Why it is no way is remembered, so that
   * the next look plans another one.
   * @throws RecoveryError `LOG_MALFORMED` where the damage is another than the end, or a Redis cannot load what is left;
   *   `TARGET_DISK_FULL`
   */
  async mendLog({ layout: ofConf, mayLoseCommands = false, ...of }: MendLogInput): Promise<MendedLog> {
    await deps.requireLock(of.instance);
    const { progress, signal, operationId } = currentJob();
    const files = requireFiles(await deps.shard(of));
    const { layout } = files.open(ofConf);
    const note = `reading the log in ${layout.dir} for the place where it is damaged`;
    const damage = await findDamage(layout, { signal, onProgress: (doneBytes) => progress({ stage: 'mend', note, doneBytes }) });
    await writeLogLook(layout, damage);
    if (!damage) {
      const before = await cutBefore(layout, operationId);
      if (before) return mended(before);
      throw notTheFraming(layout.dir);
    }
    if (damage.where === 'middle' && !mayLoseCommands) throw inTheMiddle(damage);
    try {
      await removeThrowaways(join(await realpath(layout.dir), WORK_DIRECTORY, `${operationId}-cut`, 'staged')); // of an attempt that died
      const shortened = await shortenLog(layout, damage.name);
      const done = await cutLog(
        layout,
        operationId,
        { damage, ...shortened },
        {
          ...{ signal },
          async prove(copy, trial) {
            progress({ stage: 'mend', note: 'loading the cut copy in a throw-away Redis' });
            await layOutTrial(layout, { name: damage.name, path: copy }, shortened, trial);
            await loads(await files.throwawayNeeds(), layout, trial);
          },
        },
      );
      return mended(done);
    } catch (error) {
      signal.throwIfAborted();
      await writeLogLook(layout, { ...damage, unmendable: messageOf(error), ...roomFor(damage, error) }).catch(() => undefined); // the first error says more
      throw error;
    }
  },
});

const mended = ({ damage, directory, bytes, tail }: CutAside): MendedLog => ({
  where: damage.where,
  found: damageText(damage),
  cut: tail === undefined ? cutText(damage) : `${cutText(damage)}. ${inPlaceText(tail)}`,
  kept: { directory, bytes },
});

const roomFor = ({ wholeBytes }: LogDamage, error: unknown): { needsBytes?: number } =>
  error instanceof RecoveryError && error.code === 'TARGET_DISK_FULL' ? { needsBytes: wholeBytes } : {};

const inPlaceText = (tail: string): string =>
  `There was no room for a copy, so the log was cut where it lies; ${tail} has what was cut off: appended to it, the log is as it was`;

/** @throws RecoveryError `LOG_MALFORMED` if no Redis can load it. Where there is no program to try it with, Redis itself does. */
async function loads({ program, directives }: ThrowawayNeeds, layout: DataLayout, directory: string): Promise<void> {
  const { signal, progress } = currentJob();
  const binary = await findServerBinary(program === undefined ? {} : { explicit: program }).catch(() => undefined);
  if (binary === undefined) return progress({ stage: 'mend', note: 'not tried first: no redis-server was found here' });
  const { appenddirname, appendfilename } = layout;
  try {
    const throwaway = await startThrowaway({
      ...{ binary, directory, appendfilename, signal, directives },
      ...(appenddirname === NEW_DEFAULT ? {} : { appenddirname }), // Redis 6 does not know it
      openClient: (connection) => openRedis(connection),
      onProgress: ({ loadedBytes, totalBytes, etaSeconds }) =>
        progress({ stage: 'mend', doneBytes: loadedBytes, totalBytes, etaSeconds }),
    });
    await throwaway.stop();
  } catch (error) {
    if (!(error instanceof RecoveryError) || error.code !== 'START_FAILED') throw error;
    throw new RecoveryError(
      'LOG_MALFORMED',
      `a throw-away Redis cannot load what stands before the damage: ${messageOf(error)}`,
      {
        next: 'The damaged files are kept; restore from a backup.',
        cause: error,
      },
    );
  }
}

const inTheMiddle = (damage: LogDamage): RecoveryError =>
  new RecoveryError('LOG_MALFORMED', damageText(damage), {
    next: 'Decide whether what stands before it is served, or what a backup has.',
  });

const notTheFraming = (dir: string): RecoveryError =>
  new RecoveryError(
    'LOG_MALFORMED',
    `the commands of the log in ${dir} can be read to their end: something else is wrong with it`,
    {
      next: 'Read the log of Redis; restore from a backup.',
    },
  );
