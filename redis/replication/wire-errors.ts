import { RecoveryError } from '../../model/errors.ts';
import { describeConnection, type RedisConnection } from '../client/connection.ts';

/** What a connection is for, and so what its end means. */
export type WirePurpose = keyof typeof WHEN_LOST;

const WHEN_LOST = {
  snapshot: {
    meant: 'before the snapshot was whole',
    next: 'Take the backup again; if it happens twice, look into the log of Redis for a failed child, its repl-timeout, or the output buffer limit of replicas.',
  },
  stream: {
    meant: 'and with it the replication stream',
    next: 'Follow it again from the next byte; if it keeps happening, look into the log of Redis for its repl-timeout or the output buffer limit of replicas.',
  },
} as const;

export function interrupted(connection: RedisConnection, purpose: WirePurpose, cause: Error): RecoveryError {
  const { meant, next } = WHEN_LOST[purpose];
  const message = `${describeConnection(connection)}: ${cause.message} ${meant}`;
  return new RecoveryError('REPLICATION_INTERRUPTED', message, { next, cause });
}

export const noLine = (connection: RedisConnection): RecoveryError =>
  new RecoveryError('REPLICATION_PROTOCOL', `${describeConnection(connection)} answers with something that is no line`, {
    next: 'Check that host and port are those of a Redis or Valkey.',
  });
