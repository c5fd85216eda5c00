import { WorkflowFailedError } from '@temporalio/client';
import { foreseen } from '../../activities/check/foresee.ts';
import { requireCopyable } from '../../activities/throwaway/open.ts';
import type { InstanceShard } from '../../config/config.ts';
import { latestBackup } from '../../model/backup/latest.ts';
import { RecoveryError } from '../../model/errors.ts';
import { formatList } from '../../model/format.ts';
import type { Foreseen, ForeseenOperation } from '../../model/restore/foreseen.ts';
import { type AskedShard, askedFor, askedName, shardIn } from '../../model/shard.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { findServerBinary } from '../../platforms/throwaway/server-binary.ts';
import { foreseeHere } from '../../worker/foresee-here.ts';
import { partsHere } from '../../worker/parts.ts';
import { errorOfTemporal } from '../../worker/temporal-errors.ts';
import { failureOfWorkflow } from '../operations/failures.ts';
import { startForesee } from '../operations/start.ts';
import type { TemporalSession } from '../temporal.ts';
import { type CheckContext, type Finding, failed, findings, ok, warning } from './finding.ts';

const CHECK = 'refusals';
const ANSWER_MS = 60_000;
/** Without these there is no way back, or nothing to go back to. Of the others there is another one. */
const VITAL: readonly ForeseenOperation[] = ['restores', 'backups by bgsave'];

export interface Asked {
  /** Absent: Temporal does not answer, or no worker there. */
  session: TemporalSession | undefined;
  /** What other checks have said: it is not said twice. */
  said: readonly Finding[];
}

/** What would be refused at a bad moment is refused now, and by the same functions: whoever would do it is asked. */
export const checkForeseen = (world: CheckContext, instance: InstanceShard, { session, said }: Asked): Promise<Finding[]> =>
  findings(CHECK, async () => {
    const { control } = partsHere(world.config, instance);
    const answer = await whoeverIsThere(world, instance, session);
    const own = control?.isAtHand || !control ? [await foreseen('clones on this machine', () => clone(world, instance))] : [];
    if (answer === undefined) return foreseenFindings(own, said);
    if (typeof answer === 'string') return [notKnown(instance.name, answer), ...foreseenFindings(own, said)];
    return foreseenFindings([...answer, ...own], said);
  });

/** Of the worker there; else, on that machine, of this process. Undefined: `check` says it elsewhere. */
async function whoeverIsThere(
  { config }: CheckContext,
  instance: InstanceShard,
  session: TemporalSession | undefined,
): Promise<Foreseen[] | string | undefined> {
  const { control } = partsHere(config, instance);
  if (session) return askWorker(session, { ...askedFor(instance), isManaged: control !== undefined });
  return control?.isAtHand ? foreseeHere(config, shardIn(instance)) : undefined;
}

async function askWorker(session: TemporalSession, input: AskedShard & { isManaged: boolean }): Promise<Foreseen[] | string> {
  try {
    const { handle } = await startForesee(session, input, ANSWER_MS);
    return (await handle.result()) as Foreseen[];
  } catch (error) {
    const known =
      error instanceof WorkflowFailedError
        ? failureOfWorkflow(error, WORKFLOW_IDS.foresee(askedName(input)), session)
        : errorOfTemporal(error);
    if (known instanceof RecoveryError) return known.message;
    throw error;
  }
}

const notKnown = (instance: string, why: string): Finding =>
  warning(
    CHECK,
    `what a worker would refuse of ${instance} is not known: ${why}`,
    'Look at the log of the worker, then check again.',
  );

async function clone({ repository, now }: CheckContext, { name, shard }: InstanceShard): Promise<Omit<Foreseen, 'operation'>> {
  const binary = await findServerBinary();
  const newest = latestBackup(await (await repository()).snapshots({ instance: name, shard }).list(), now());
  if (!newest) return { refusals: [] };
  await requireCopyable(binary, { manifest: newest });
  return { refusals: [], backupId: newest.backupId };
}

const NAME_ONE = 'Say what one of these commands is called by `commands` of the instance, or set save points in its redis.conf.';

function foreseenFindings(all: readonly Foreseen[], said: readonly Finding[]): Finding[] {
  const isSaid = (message: string): boolean => said.some((one) => one.level !== 'ok' && one.message.includes(message));
  const found = all.flatMap(({ operation, refusals, losses = [], unknown }) => {
    const say = VITAL.includes(operation) ? failed : warning;
    return [
      ...refusals
        .filter(({ message }) => !isSaid(message))
        .map(({ message, next }) => say(CHECK, `${operation} would be refused: ${message}`, next)),
      ...losses.map((text) => warning(CHECK, `${operation}: ${text}`, NAME_ONE)),
      ...(unknown === undefined || isSaid(unknown)
        ? []
        : [warning(CHECK, `whether ${operation} would be refused is not known: ${unknown}`, 'Check again when that is mended.')]),
    ];
  });
  return [...found, ...freeOnes(all)];
}

/** Those that nothing stands in the way of, with what they were tried with. */
function freeOnes(all: readonly Foreseen[]): Finding[] {
  const free = all.filter(({ refusals, unknown }) => refusals.length === 0 && unknown === undefined);
  if (free.length === 0) return [];
  const operations = formatList(free.map(({ operation }) => operation));
  const backupId = free.find((one) => one.backupId !== undefined)?.backupId;
  const by = backupId === undefined ? 'as far as can be told without a backup' : `planned with ${backupId}`;
  return [ok(CHECK, `nothing that stands forbids ${operations}, ${by}`)];
}
