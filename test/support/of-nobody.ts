import { createTargetActivities } from '../../activities/target.ts';

/** The step that notes whom an operation is for, of a stand-in that has no configuration. */
export const OF_NOBODY = createTargetActivities(() => undefined);
