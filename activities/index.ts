import { createCompactActivities } from './archive/compact.ts';
import { createArchiverControl } from './archive/control.ts';
import { createFollowActivities } from './archive/follow-stream.ts';
import { createAofBackupActivities } from './backup/aof.ts';
import { createRetentionActivities } from './backup/retention.ts';
import { createSnapshotActivities } from './backup/snapshot.ts';
import { createExamineStoreActivities } from './check/examine-store.ts';
import { createExamineActivities } from './check/examine-worker.ts';
import { createForeseeActivities } from './check/foresee.ts';
import type { Dependencies } from './dependencies.ts';
import { createMergeActivities } from './merge/merge.ts';
import { createPlacementActivities } from './placements.ts';
import { createRecoveryActions } from './recovery/actions.ts';
import { createAssessActivities } from './recovery/assess.ts';
import { createAuthenticationActivities } from './recovery/authentication.ts';
import { createBaselineActivities } from './recovery/baseline.ts';
import { createDataActivities } from './recovery/data.ts';
import { createHolderActivities } from './recovery/holder.ts';
import { createLookActivities } from './recovery/observe.ts';
import { createStillServesActivities } from './recovery/still-serves.ts';
import { createWarmupActivities } from './recovery/warmup.ts';
import { createLoadBackActivities } from './restore/live/load-back.ts';
import { createLiveActivities } from './restore/live/load-live.ts';
import { createLiveSurveyActivities } from './restore/live/survey-live.ts';
import { createPlanActivities } from './restore/plan.ts';
import { createPutBackActivities } from './restore/put-back.ts';
import { createReadyToStopActivities } from './restore/ready-to-stop.ts';
import { createRehearsalActivities } from './restore/rehearsal.ts';
import { createRestoreActivities } from './restore/replace.ts';
import { createSurveyActivities } from './restore/survey-target.ts';
import { createVerifyActivities } from './restore/verify.ts';
import { createWatchActivities } from './watch/watch-instance.ts';

/** Every step that a workflow can ask for. The same on all queues: what runs where is a matter of workflows/steps/run-step.ts. */
export const createActivities = (deps: Dependencies) => ({
  ...createSnapshotActivities(deps),
  ...createRetentionActivities(deps),
  ...createPlacementActivities(deps),
  ...createSurveyActivities(deps),
  ...createPlanActivities(deps),
  ...createRehearsalActivities(deps),
  ...createReadyToStopActivities(deps),
  ...createRestoreActivities(deps),
  ...createVerifyActivities(deps),
  ...createPutBackActivities(deps),
  ...createLiveSurveyActivities(deps),
  ...createLiveActivities(deps),
  ...createLoadBackActivities(deps),
  ...createFollowActivities(deps),
  ...createCompactActivities(deps),
  ...createArchiverControl(deps),
  ...createMergeActivities(deps),
  ...createAofBackupActivities(deps),
  ...createRecoveryActions(deps),
  ...createBaselineActivities(deps),
  ...createDataActivities(deps),
  ...createStillServesActivities(deps),
  ...createHolderActivities(deps),
  ...createWarmupActivities(deps),
  ...createAuthenticationActivities(deps),
  ...createWatchActivities(deps),
  ...createLookActivities(deps),
  ...createAssessActivities(deps),
  ...createExamineActivities(deps),
  ...createExamineStoreActivities(deps),
  ...createForeseeActivities(deps),
});

export type Activities = ReturnType<typeof createActivities>;
