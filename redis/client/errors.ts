import { hasCode, messageOf, RecoveryError } from '../../model/errors.ts';
import { inOurWords, type LibraryWords } from '../../model/library-words.ts';
import { describeConnection, type RedisConnection } from './connection.ts';

const NOT_READY = ['LOADING', 'BUSY', 'MASTERDOWN', 'NOMASTERLINK', 'TRYAGAIN', 'CLUSTERDOWN'];
const AUTH_FAILED = ['NOAUTH', 'WRONGPASS'];
const TAKES_NO_MORE = 'takes no more connections';
const TLS_FAILED = 'TLS failed: check the CA, the client certificate, and that this port speaks TLS.';

/**
 * It answers and does not let us in: user, password, a right, the number of connections, or TLS. Waiting for it changes
 * nothing, and of a process that is ours it proves that it listens; one that loads refuses in the same way.
 */
export const isStandingRefusal = (error: unknown): error is RecoveryError =>
  error instanceof RecoveryError &&
  (['REDIS_AUTH_FAILED', 'REDIS_PERMISSION_DENIED', 'REDIS_REFUSED'].includes(error.code) ||
    error.message.includes(TAKES_NO_MORE) ||
    error.next === TLS_FAILED);

/** The text of an error reply without what must not be shown: Redis repeats the arguments of a command that it doesn't know. */
export function withoutSecrets(message: string, connection: RedisConnection): string {
  const cut = message.replace(/,? with args beginning with:.*$/s, '');
  return connection.password ? cut.replaceAll(connection.password, '***') : cut;
}

/**
 * An error reply (`-CODE text`, without the minus) as our own error.
 * The original is never its cause: error objects of clients carry the arguments, AUTH's too.
 * @param did - what was asked, such as `CONFIG SET`; without values
 */
export function errorOfReply(reply: string, did: string, connection: RedisConnection): RecoveryError {
  const text = withoutSecrets(reply, connection);
  const word = text.split(' ', 1)[0] ?? '';
  const where = describeConnection(connection);
  if (AUTH_FAILED.includes(word) || /AUTH failed|invalid password|invalid username-password/i.test(text)) {
    return new RecoveryError('REDIS_AUTH_FAILED', `${where} refused user "${connection.username ?? 'default'}": ${text}`, {
      next: 'Check the user name and the password that the configuration refers to, also after a rotation.',
    });
  }
  if (word === 'NOPERM') return permissionDenied(text, did, connection);
  if (NOT_READY.includes(word)) {
    return new RecoveryError('REDIS_NOT_READY', `${where} is not ready for ${did}: ${text}`, {
      next: nextWhenNotReady(word),
    });
  }
  if (/max number of clients/i.test(text)) {
    return new RecoveryError('REDIS_NOT_READY', `${where} ${TAKES_NO_MORE}: ${text}`, {
      next: 'Find what holds the connections (INFO clients), or raise maxclients from a connection that is still open.',
    });
  }
  return new RecoveryError('REDIS_REFUSED', `${where} refused ${did}: ${text}`, {
    next: /^ERR unknown command/i.test(text)
      ? `If rename-command gave it another name there, say so in the configuration of the instance: \`commands: { ${did.split(' ')[0]}: <name> }\`; where it is disabled, this operation cannot be done: \`redis-backup check\` names all.`
      : 'Read the answer of Redis above.',
  });
}

function nextWhenNotReady(word: string): string {
  if (word === 'LOADING') return 'Wait until it has loaded its data; INFO persistence tells how far it is.';
  if (word === 'BUSY') return 'A script or function blocks it: wait, or end it with SCRIPT KILL or FUNCTION KILL.';
  if (word === 'CLUSTERDOWN' || word === 'TRYAGAIN') return 'Look at CLUSTER INFO; the cluster must be whole first.';
  return 'It is a replica without a link to its primary: mend the link, or use the primary.';
}

/** What the ACL lacks, as the rule to add: `+psync`, `+config|get`. Redis 6.2 names the command only, so we know the rest. */
function missingRule(reply: string, did: string): string {
  const [command = '', subcommand] = did.toLowerCase().split(' ');
  const named = /'([^']+)' command/.exec(reply)?.[1]?.toLowerCase() ?? command;
  return named === command && subcommand !== undefined ? `+${named}|${subcommand}` : `+${named}`;
}

function permissionDenied(text: string, did: string, connection: RedisConnection): RecoveryError {
  const user = connection.username ?? 'default';
  const rule = missingRule(text, did);
  return new RecoveryError(
    'REDIS_PERMISSION_DENIED',
    `${describeConnection(connection)} refused ${did} to user "${user}": ${text}`,
    {
      next: `Give the user this permission: ACL SETUSER ${user} ${rule}`,
    },
  );
}

/** What ioredis says for its authors, as a person reads it. */
const OF_IOREDIS: LibraryWords = [
  [/^Connection is closed|isn't writeable|aborted due to connection close|max retries per request/, 'the connection was closed'],
  [/^Command timed out/, 'no answer came in time'],
  [/^Protocol error|^Unknown RESP type|^Command queue state error|Please report this/, 'what came is no answer of a Redis'],
];

/** What Redis says before it was asked anything, as one at its maxclients does. */
const UNASKED = /^Command queue state error.* Last error: (.+)$/s;

/** A failed or lost connection as our own error. */
export function errorOfConnection(error: unknown, did: string, connection: RedisConnection): RecoveryError {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const unasked = UNASKED.exec(messageOf(error))?.[1];
  if (unasked !== undefined) return errorOfReply(unasked, did, connection);
  const said = messageOf(error) || code || 'no reason given';
  const text = withoutSecrets(inOurWords(said, OF_IOREDIS) ?? said, connection);
  const message = `${describeConnection(connection)} did not answer ${did}: ${text}`;
  return new RecoveryError('REDIS_UNREACHABLE', message, { next: nextWhenUnreachable(text, code) });
}

/** Nothing listens there: a Redis that has ended, and has taken all along that was set at run time. Not one that is only silent. */
export const isGone = (error: unknown): boolean =>
  hasCode(error, 'REDIS_UNREACHABLE') && /ECONNREFUSED|ENOENT/.test(error.message);

/** What the undoing of a run-time setting comes to, and nothing where Redis is gone. */
export const unlessGone = <T>(undoing: Promise<T>): Promise<T | undefined> =>
  undoing.catch((error) => {
    if (isGone(error)) return undefined;
    throw error;
  });

function nextWhenUnreachable(text: string, code: string | undefined): string {
  if (code === 'ECONNREFUSED') return 'Nothing listens there: check that Redis runs, and its host and port.';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'The host name is not known here: check it and the DNS.';
  if (/certificate|SSL|TLS|unable to verify/i.test(`${text} ${code ?? ''}`)) {
    return TLS_FAILED;
  }
  return 'Check that Redis runs and that the network lets this machine reach it; a loading or blocked Redis is silent too.';
}
