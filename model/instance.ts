import { RecoveryError } from './errors.ts';

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Instance and shard names stand in object keys, workflow ids and queue names: letters, digits and hyphens only. */
export const isName = (name: string): boolean => NAME.test(name);

const BACKUP_ID = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/** Looks like a backup id; the time may still be impossible. Never a name of an instance: those have small letters only. */
export const isBackupId = (text: string): boolean => BACKUP_ID.test(text);

/** UTC `YYYYMMDDTHHMMSSZ` of a time in milliseconds since 1970. */
export const backupIdAt = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;

/** Milliseconds since 1970 of a backup id. @throws RecoveryError `INPUT_INVALID` for an impossible time, such as month 13 */
export function timeOfBackupId(backupId: string): number {
  const parts = BACKUP_ID.exec(backupId);
  const [, year, month, day, hour, minute, second] = parts ?? [];
  const ms = parts ? Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) : Number.NaN;
  if (Number.isNaN(ms) || backupIdAt(ms) !== backupId) {
    throw new RecoveryError('INPUT_INVALID', `"${backupId}" is not a backup id`, {
      next: 'Give a UTC time as YYYYMMDDTHHMMSSZ, as `redis-backup list` shows it, or `latest`.',
    });
  }
  return ms;
}
