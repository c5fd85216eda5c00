import { proxyActivities, upsertSearchAttributes } from '@temporalio/workflow';

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
