import type { Assessment } from '../model/recovery.ts';

/** The steps of a recovery that are built elsewhere at this moment. */
export interface RecoverySteps {
  lookFromPlace(input: { instance: string }): Promise<object>;
  assessFailure(input: { instance: string; place?: object; overrides?: object }): Promise<Assessment>;
}
