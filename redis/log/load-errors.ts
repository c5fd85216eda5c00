import { RecoveryError } from '../../model/errors.ts';
import { formatCountOf, formatList } from '../../model/format.ts';
import { errorRepliesIn, type RefusedReply, unknownCommandIn } from '../../model/restore/load-log.ts';
import type { RedisInfo } from '../client/info.ts';

/** Commands of a log that a server did not carry out. */
export interface LoadErrors {
  count: number;
  /** Those that its log names, each once. */
  refused: RefusedReply[];
}

export interface LoadErrorsSeen {
  /** Of its log, oldest first; none where nobody can read it. */
  lines?: readonly string[];
  /** `unexpected_error_replies` before the load. Default 0: it was started for it. */
  before?: number;
}

/**
 * What a server could not carry out of the log that it has loaded. It goes on without such a command, and what follows a
 * SELECT that failed lands in the database before it: one error, and nothing that it holds is proved.
 *
 * Measured on 6.2, 7.0.15 and 8.2.3, alike: SELECT, SWAPDB, MOVE and COPY with a database that it does not have, a wrong type, a
 * SELECT within MULTI (named as `exec`) each count one `unexpected_error_replies`, and log one line "sending an error to its
 * AOF-loading-client" (from a primary: "to its master"). A command that it does not know ends its start with code 1, see
 * `unknownCommandIn`; from a primary it is an error reply as well. A script that fails kills 7.0 and 8.2 (SIGSEGV).
 * @param info - with the sections `server` and `stats`
 * @returns undefined: none that it tells of. Before 6.2 it has no count, and its log alone is believed
 */
export function loadErrorsOf(info: RedisInfo, { lines = [], before = 0 }: LoadErrorsSeen = {}): LoadErrors | undefined {
  const { inLoad, others } = errorRepliesIn(lines, info.number('process_id') ?? 0);
  const counted = (info.number('unexpected_error_replies') ?? 0) - before - others;
  const count = Math.max(inLoad.length, counted);
  if (count <= 0) return undefined;
  const refused = new Map(inLoad.map((one) => [`${one.command} ${one.why}`, one]));
  return { count, refused: [...refused.values()] };
}

const SHOWN = 5;

/** @param next - what is done about it now */
export function logRefused(who: string, { count, refused }: LoadErrors, next: string): RecoveryError {
  const named = refused.slice(0, SHOWN).map(({ command, why }) => `${command.toUpperCase()} (${why})`);
  const which = named.length > 0 ? `: ${formatList(named)}` : ', and its own log, which names them, could not be read';
  const what = `did not carry out ${formatCountOf(count, 'command')} of the log and went on without`;
  return new RecoveryError('LOG_REFUSED', `${who} ${what}${which}`, { next });
}

/** For a server that ended in its load: undefined where that was no unknown command. */
export function unknownToServer(who: string, lines: readonly string[], next: string): RecoveryError | undefined {
  const command = unknownCommandIn(lines);
  if (command === undefined) return undefined;
  return new RecoveryError('LOG_REFUSED', `${who} has no command ${command}, which the log has, and ended while it loaded`, {
    next: `A rename-command line of its redis.conf disables or renames it, or it is of a module or of a newer Redis. ${next}`,
  });
}
