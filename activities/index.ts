import { createTidyActivities } from './archive/compact.ts';
import { createArchiverControl } from './archive/control.ts';
import { createFollowActivities } from './archive/follow-stream.ts';
import { createAofBackupActivities } from './backup/aof.ts';
import { createRetentionActivities } from './backup/retention.ts';
import { createSnapshotActivities } from './backup/snapshot.ts';
import { createExamineStoreActivities } from './check/examine-store.ts';
import { createExamineActivities } from './check/examine-worker.ts';
import { createMergeActivities } from './merge/merge.ts';
import { createPlacementActivities } from './placements.ts';
import { createRecoveryActs } from './recovery/acts.ts';
import { createAssessActivities } from './recovery/assess.ts';
import { createAuthenticationActivities } from './recovery/authentication.ts';
import { createBaselineActivities } from './recovery/baseline.ts';
import { createDataActivities } from './recovery/data.ts';
import { createHolderActivities } from './recovery/holder.ts';
import { createLookActivities } from './recovery/look.ts';
import { createStillServesActivities } from './recovery/still-serves.ts';
import { createWarmupActivities } from './recovery/warmup.ts';
import { createLoadBackActivities } from './restore/live/load-back.ts';
import { createLiveActivities } from './restore/live/load-live.ts';
import { createLiveSurveyActivities } from './restore/live/survey-live.ts';
import { createPlanActivities } from './restore/plan.ts';
import { createPutBackActivities } from './restore/put-back.ts';
import { createRehearsalActivities } from './restore/rehearsal.ts';
import { createRestoreActivities } from './restore/replace.ts';
import { createSurveyActivities } from './restore/survey-target.ts';
import { createVerifyActivities } from './restore/verify.ts';
import { createWatchActivities } from './watch/watch-instance.ts';
import type { World } from './world.ts';

/** Every step that a workflow can ask for. The same on all queues: what runs where is a matter of workflows/steps/run-step.ts. */
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
