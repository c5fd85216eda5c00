import { RecoveryError } from '../../model/errors.ts';

export const liveFailed = (message: string, next: string, cause?: unknown): RecoveryError =>
  new RecoveryError('LIVE_FAILED', message, { next, cause });
