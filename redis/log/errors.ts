import { foreignText } from '../../model/archive/log-needs.ts';
import { RecoveryError } from '../../model/errors.ts';

/** What stands at that offset cannot be part of a log of Redis. */
export const malformedLog = (what: string, offset: number): RecoveryError =>
  new RecoveryError('LOG_MALFORMED', `the log is damaged at offset ${offset}: ${what}`, {
    next: 'Restore to a point before that offset, and take a new snapshot as the base of what follows.',
  });

/** A place was asked for at which the log cannot be cut. */
export const noBoundary = (offset: number, before: number): RecoveryError =>
  new RecoveryError(
    'LOG_MALFORMED',
    `offset ${offset} is within a command or a transaction; the nearest boundary before it is ${before}`,
    { next: `Use ${before} instead.` },
  );

/** It is not known to be harmless, and Redis would execute whatever it is. The name may be long, or no text at all. */
export const foreignCommand = (name: string, offset: number): RecoveryError =>
  new RecoveryError(
    'LOG_FOREIGN_COMMAND',
    `the command ${foreignText(name)} at offset ${offset} of the log is no known write command`,
    {
      next: 'If it is one of a module, allow it by name; if the source renamed it, say what it really is; else restore to a point before it.',
    },
  );
