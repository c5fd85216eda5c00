import { createArchiverControl } from './archive/control.ts';
import { createFollowActivities } from './archive/follow-stream.ts';
import { createTidyActivities } from './archive/tidy.ts';
import { createAofBackupActivities } from './backup-aof.ts';
import { createExamineActivities } from './examine-place.ts';
import { createExamineStoreActivities } from './examine-store.ts';
import { createLoadBackActivities } from './live/load-back.ts';
import { createLiveActivities } from './live/load-live.ts';
import { createLiveSurveyActivities } from './live/survey-live.ts';
import { createMergeActivities } from './merge.ts';
import { createPlacementActivities } from './placements.ts';
import { createPlanActivities } from './plan-restore.ts';
import { createPutBackActivities } from './put-back.ts';
import { createRecoveryActs } from './recovery/acts.ts';
import { createAssessActivities } from './recovery/assess.ts';
import { createAuthenticationActivities } from './recovery/authentication.ts';
import { createBaselineActivities } from './recovery/baseline.ts';
import { createDataActivities } from './recovery/data.ts';
import { createHolderActivities } from './recovery/holder.ts';
import { createLookActivities } from './recovery/look.ts';
import { createStillServesActivities } from './recovery/still-serves.ts';
import { createWarmupActivities } from './recovery/warmup.ts';
import { createRehearsalActivities } from './rehearsal.ts';
import { createRestoreActivities } from './restore.ts';
import { createRetentionActivities } from './retention.ts';
import { createSnapshotActivities } from './snapshot.ts';
import { createSurveyActivities } from './survey-target.ts';
import { createVerifyActivities } from './verify-restore.ts';
import { createWatchActivities } from './watch/watch-instance.ts';
import type { World } from './world.ts';

/** Every step that a workflow can ask for. The same on all queues: what runs where is a matter of workflows/steps.ts. */
export const createActivities = (world: World) => ({
  ...createSnapshotActivities(world),
  ...createRetentionActivities(world),
  ...createPlacementActivities(world),
  ...createSurveyActivities(world),
  ...createPlanActivities(world),
  ...createRehearsalActivities(world),
  ...createRestoreActivities(world),
  ...createVerifyActivities(world),
  ...createPutBackActivities(world),
  ...createLiveSurveyActivities(world),
  ...createLiveActivities(world),
  ...createLoadBackActivities(world),
  ...createFollowActivities(world),
  ...createTidyActivities(world),
  ...createArchiverControl(world),
  ...createMergeActivities(world),
  ...createAofBackupActivities(world),
  ...createRecoveryActs(world),
  ...createBaselineActivities(world),
  ...createDataActivities(world),
  ...createStillServesActivities(world),
  ...createHolderActivities(world),
  ...createWarmupActivities(world),
  ...createAuthenticationActivities(world),
  ...createWatchActivities(world),
  ...createLookActivities(world),
  ...createAssessActivities(world),
  ...createExamineActivities(world),
  ...createExamineStoreActivities(world),
});

export type Activities = ReturnType<typeof createActivities>;
