import { defineQuery, proxyActivities, setHandler, upsertSearchAttributes } from '@temporalio/workflow';

/** The workflow types that the command starts, each carried out by one activity that the test plays. */
interface StandIns {
  play(type: string, input: object): Promise<object>;
}

const { play } = proxyActivities<StandIns>({
  startToCloseTimeout: '1 minute',
  heartbeatTimeout: '10 seconds',
  cancellationType: 'TRY_CANCEL',
  retry: { initialInterval: '100 milliseconds', maximumInterval: '100 milliseconds' },
});

const standIn = (type: string) => (input: object) => {
  upsertSearchAttributes({ RedisPhase: ['snapshot'] });
  return play(type, input);
};

export const backupSnapshot = standIn('backupSnapshot');
export const restoreFromRdb = standIn('restoreFromRdb');
export const applyRetention = standIn('applyRetention');

const status = defineQuery<object>('status');

/** Answers for itself as a runbook that looks. */
export function recoverRedis(input: { instance: string }) {
  const nothing = { worstLoss: '', changed: [], applications: [], steps: [] };
  setHandler(status, () => ({ ...nothing, instance: input.instance, clients: '', now: 'looking', notes: ['10:42:07 began'] }));
  return play('recoverRedis', input);
}
