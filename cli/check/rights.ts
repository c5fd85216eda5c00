import { WorkflowFailedError } from '@temporalio/client';
import { RecoveryError } from '../../model/errors.ts';
import { type StartUser, startUserProblems, startUserText } from '../../model/restore/start-user.ts';
import { askedFor, type NamedShard } from '../../model/shard.ts';
import type { PlaceRights } from '../../model/worker-rights.ts';
import { WORKFLOW_IDS } from '../../model/workflow-ids.ts';
import { errorOfTemporal } from '../../worker/temporal-errors.ts';
import { failureOfWorkflow } from '../operations/failures.ts';
import { startExamine } from '../operations/start.ts';
import type { TemporalSession } from '../temporal.ts';
import { type Finding, failed, ok, warning } from './finding.ts';

const CHECK = 'rights';
const ANSWER_MS = 15_000;

/** What the worker there may do: whoever runs this command, root for instance, may do more. A text says why it did not answer. */
export async function askWorker(session: TemporalSession, redis: NamedShard): Promise<PlaceRights | string> {
  try {
    const { handle } = await startExamine(session, askedFor(redis), ANSWER_MS);
    return (await handle.result()) as PlaceRights;
  } catch (error) {
    if (error instanceof WorkflowFailedError) return failureOfWorkflow(error, WORKFLOW_IDS.examine(redis.name), session).message;
    const known = errorOfTemporal(error);
    if (known instanceof RecoveryError) return known.message;
    throw error;
  }
}

export function rightsFindings(answer: PlaceRights | string): Finding[] {
  if (typeof answer === 'string')
    return [
      warning(
        CHECK,
        `what the worker may do in the data directory is not known: ${answer}`,
        'Start `redis-backup worker` there, then check again.',
      ),
    ];
  const { host, user, denied, startUser } = answer;
  const who = `the worker on ${host}, user ${user},`;
  const next = `Run it as the user that Redis runs as, or as root. After a move away from root, give that user what root has kept: chown -R ${user} in .redis-backup of the data directory.`;
  return [
    denied.length > 0
      ? failed(CHECK, `${who} may not use ${denied.join(', ')}: no restore and no recovery can be done`, next)
      : ok(CHECK, `${who} may read and change the data directory`),
    ...startUserFindings(startUser),
  ];
}

function startUserFindings(user: StartUser): Finding[] {
  const problems = startUserProblems(user);
  if (problems.length === 0) return [ok('start user', `a start runs Redis${startUserText(user).replace(/,$/, '')}`)];
  const say = user.refused === undefined ? warning : failed;
  return problems.map(({ message, next }) => say('start user', message, next));
}
