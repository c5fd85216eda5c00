import type { Bounds } from './expiry-timeline.ts';

/** What a restore brings back of one data class, and what that means to people. */
export interface ClassLoss {
  name: string;
  keysInBackup: number;
  /** Of these, alive now. */
  aliveNow: Bounds;
  /** In the target now, when a census of it was taken. */
  keysNow?: number;
  expiry: 'fixed' | 'sliding' | 'unknown';
  /** What people notice when it is lost. */
  whenLost: string;
}
