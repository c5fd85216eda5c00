import type { InstanceShard } from '../../config/config.ts';
import { RecoveryError } from '../../model/errors.ts';
import { MINIMUM_ACL, rulesInOrder } from '../../redis/acl.ts';
import type { RedisClient } from '../../redis/client/client.ts';
import { partsHere } from '../../worker/parts.ts';
import { type CheckContext, type Finding, failed, findings, ok, warning } from './finding.ts';
import { type ProvenRights, provenByUse } from './proven-rights.ts';

/** A name that no pattern of a user matches but one of all keys. */
const ANY_KEY = '\u0001redis-backup';

/** What is tried for each ACL rule: with these arguments it would do no harm. */
const TRIED: Readonly<Record<string, readonly string[]>> = {
  '+psync': ['PSYNC', '?', '-1'],
  '+replconf': ['REPLCONF', 'capa', 'eof'],
  '+info': ['INFO', 'server'],
  '+ping': ['PING'],
  '+config|get': ['CONFIG', 'GET', 'save'],
  '+config|set': ['CONFIG', 'SET', 'save', ''],
  '+config|rewrite': ['CONFIG', 'REWRITE'],
  '+time': ['TIME'],
  '+module|list': ['MODULE', 'LIST'],
  '+bgsave': ['BGSAVE'],
  '+save': ['SAVE'],
  '+shutdown': ['SHUTDOWN', 'NOSAVE'],
  '+client|list': ['CLIENT', 'LIST'],
  '+replicaof': ['REPLICAOF', 'NO', 'ONE'],
  '+pubsub|numsub': ['PUBSUB', 'NUMSUB'],
  '+migrate': ['MIGRATE', '127.0.0.1', '1', '__probe:x', '0', '1', 'COPY'],
  '+set': ['SET', '__probe:x', ''],
  '+del': ['DEL', '__probe:x'],
  '~__probe:*': ['SET', '__probe:x', ''],
  '+get': ['GET', '__redis-backup:probe:x'],
  '+setrange': ['SETRANGE', '__redis-backup:probe:x', '0', ''],
  '~__redis-backup:probe:*': ['SET', '__redis-backup:probe:x', ''],
  '+script|kill': ['SCRIPT', 'KILL'],
  '+function|kill': ['FUNCTION', 'KILL'],
  '+function|list': ['FUNCTION', 'LIST'],
  '+function|load': ['FUNCTION', 'LOAD', ''],
  '+acl|list': ['ACL', 'LIST'],
  '+memory|usage': ['MEMORY', 'USAGE', ANY_KEY],
  '+select': ['SELECT', '0'],
  '+scan': ['SCAN', '0', 'COUNT', '1'],
  '+restore': ['RESTORE', ANY_KEY, '0', ''],
  '~*': ['RESTORE', ANY_KEY, '0', ''],
};

/** Those that may really be run when the server cannot be asked what is permitted. */
const HARMLESS = new Set([
  ...['+replconf', '+info', '+config|get', '+time', '+module|list', '+client|list'],
  ...['+pubsub|numsub', '+ping', '+select', '+scan', '+acl|list', '+function|list'],
]);

interface Job {
  name: string;
  rules: readonly string[];
  /** There is another way to restore: without these rules nothing that is configured fails. */
  isExtra?: boolean;
}

/** What the configuration asks for, and the ways to restore that it makes possible. */
function jobsOf({ config, apply }: CheckContext, instance: InstanceShard, hasFunctions: boolean): Job[] {
  const { backup, archive, watch, applications, dataClasses } = instance;
  const { control } = partsHere(config, instance);
  const isManaged = control !== undefined;
  const bySupervisor = control?.open().restartsByItself === true;
  /** Whoever only takes backups of a Redis elsewhere gives no user the right to change it. */
  const isRestored = isManaged || config.worker.live !== undefined;
  return [
    { name: 'backups', rules: MINIMUM_ACL.backup },
    archive && { name: 'the continuous log', rules: MINIMUM_ACL.archive },
    watch && { name: 'the watcher', rules: MINIMUM_ACL.watch },
    backup.method === 'bgsave' && { name: 'backups by bgsave', rules: MINIMUM_ACL.bgsave },
    backup.uncompressedFork && { name: 'backups with uncompressedFork', rules: MINIMUM_ACL.withoutRdbCompression },
    isManaged && { name: 'restores', rules: MINIMUM_ACL.restore },
    bySupervisor && { name: 'restores', rules: MINIMUM_ACL.restoreBySystemd },
    applications.some(({ kind }) => kind === 'clients') && {
      name: 'finding applications among the clients',
      rules: MINIMUM_ACL.clients,
    },
    apply && { name: 'check --apply', rules: MINIMUM_ACL.applyPolicy },
    isRestored && { name: 'live restores', rules: MINIMUM_ACL.live, isExtra: true },
    isRestored && dataClasses.length > 0 && { name: 'restores of some data classes', rules: MINIMUM_ACL.merge, isExtra: true },
    isRestored &&
      hasFunctions &&
      dataClasses.length > 0 && { name: 'bringing functions back', rules: MINIMUM_ACL.mergeOfFunctions, isExtra: true },
    isRestored && { name: 'counting what a restore replaces', rules: MINIMUM_ACL.classes, isExtra: true },
    isManaged && { name: 'recoveries', rules: MINIMUM_ACL.recovery, isExtra: true },
    isManaged && hasFunctions && { name: 'recoveries', rules: MINIMUM_ACL.recoveryOfFunctions, isExtra: true },
    bySupervisor && { name: 'recoveries', rules: MINIMUM_ACL.recoveryBySystemd, isExtra: true },
    isManaged && dataClasses.length > 0 && { name: 'counting lost sessions', rules: MINIMUM_ACL.sessions, isExtra: true },
    isManaged && { name: 'what a restart takes back', rules: MINIMUM_ACL.nextStart, isExtra: true },
  ].filter((job) => job !== false && job !== undefined);
}

/**
 * The user may run every command that the configured jobs need. ACL DRYRUN is asked where it can be; what is harmless is tried.
 * The line to run has all of it at once, in the order that Redis accepts.
 */
export const checkPermissions = (client: RedisClient, instance: InstanceShard, world: CheckContext): Promise<Finding[]> =>
  findings('permissions', async () => {
    const user = instance.redis.username ?? 'default';
    const found = await missingOf(client, user, jobsOf(world, instance, (await majorOf(client)) >= 7));
    const { missing, proofs } = found.some(isUnknown)
      ? withoutProven(found, await provenByUse(client, instance, world))
      : { missing: found, proofs: [] };
    if (missing.length === 0) return ok('permissions', [`user "${user}" may do all that is needed`, ...proofs].join('; '));
    const denied = missing.filter(({ verdict }) => verdict === 'denied');
    const unknown = missing.filter(isUnknown);
    const line = await grantLine(client, user, missing);
    return [
      ...proofs.map((proof) => ok('permissions', `of user "${user}": ${proof}`)),
      ...lacks(
        failed,
        user,
        denied.filter(({ isExtra }) => !isExtra),
        line,
      ),
      ...lacks(
        warning,
        user,
        denied.filter(({ isExtra }) => isExtra),
        line,
      ),
      ...notKnown(user, unknown, { line, instance: instance.name }),
    ];
  });

/** By HELLO, which no ACL refuses: the user may lack INFO. */
async function majorOf(client: RedisClient): Promise<number> {
  const said = ((await client.command('HELLO')) as unknown[]).map(String);
  return Number.parseInt(said[said.indexOf('version') + 1] ?? '', 10);
}

interface Missing {
  rule: string;
  job: string;
  isExtra: boolean;
  verdict: Verdict;
}

const isUnknown = ({ verdict }: Missing): boolean => verdict === 'unknown';

/** What nobody could be asked about and was done all the same is known, and when. */
function withoutProven(found: readonly Missing[], proven: ProvenRights): { missing: Missing[]; proofs: string[] } {
  const proofOf = (one: Missing): string | undefined => (isUnknown(one) ? proven.get(one.rule) : undefined);
  const proofs = found.flatMap((one) => {
    const proof = proofOf(one);
    return proof === undefined ? [] : [`${one.rule} (${one.job}) is proven by use: ${proof}`];
  });
  return { missing: found.filter((one) => proofOf(one) === undefined), proofs };
}

async function missingOf(client: RedisClient, user: string, jobs: readonly Job[]): Promise<Missing[]> {
  const missing: Missing[] = [];
  const asked = new Set<string>();
  for (const { name: job, rules, isExtra = false } of jobs) {
    for (const rule of rules) {
      if (asked.has(rule)) continue;
      asked.add(rule);
      const verdict = await isPermitted(client, user, rule);
      if (verdict !== 'permitted') missing.push({ rule, job, isExtra, verdict });
    }
  }
  return missing;
}

const listed = (missing: readonly Missing[]): string => missing.map(({ rule, job }) => `${rule} (${job})`).join(', ');

/** All at once, with the right to be asked about the rest: nobody goes round twice. */
async function grantLine(client: RedisClient, user: string, missing: readonly Missing[]): Promise<string> {
  const canAsk = missing.some(isUnknown) && (await majorOf(client)) >= 7;
  const rules = [...missing.map(({ rule }) => rule), ...(canAsk ? MINIMUM_ACL.check : [])];
  const hasAllKeys = await mayUseAllKeys(client, user);
  // Who may run nothing that names a key loses nothing by `resetkeys`; and behind `~*` no other pattern is accepted.
  const anew = hasAllKeys === undefined && rules.some((rule) => rule.startsWith('~')) ? ['resetkeys'] : [];
  return `ACL SETUSER ${user} ${[...anew, ...rulesInOrder(rules, hasAllKeys)].join(' ')}`;
}

/** What names a key and does nothing. */
const ON_ANY_KEY = [['SETRANGE', ANY_KEY, '0', ''], ...['EXISTS', 'GET', 'TYPE', 'TTL'].map((name) => [name, ANY_KEY])];

/** @returns undefined when nothing shows it: the user may run no such command */
async function mayUseAllKeys(client: RedisClient, user: string): Promise<boolean | undefined> {
  for (const command of ON_ANY_KEY) {
    const dry = await answerOf(client, ['ACL', 'DRYRUN', user, ...command]);
    const isDry = typeof dry === 'string';
    const answer = isDry ? dry : await answerOf(client, command);
    const refusal = answer instanceof RecoveryError ? answer.message : isDry && dry !== 'OK' ? dry : undefined;
    if (refusal === undefined) return true;
    if (/\bkeys?\b/.test(refusal)) return false;
  }
  return undefined;
}

function lacks(level: typeof failed, user: string, denied: readonly Missing[], line: string): Finding[] {
  if (denied.length === 0) return [];
  const next = `Run in Redis: ${line} (and ACL SAVE or CONFIG REWRITE to keep it).`;
  return [level('permissions', `user "${user}" lacks ${listed(denied)}`, next)];
}

function notKnown(user: string, unknown: readonly Missing[], { line, instance }: { line: string; instance: string }): Finding[] {
  if (unknown.length === 0) return [];
  const message = `user "${user}" could not be asked about ${listed(unknown)}: nothing harmless shows whether it is permitted`;
  const next = line.includes(MINIMUM_ACL.check[0])
    ? `Run in Redis: ${line} (Redis 7), then check again; or take a first backup with \`redis-backup backup ${instance}\`.`
    : `Permit it: ${line}; or take a first backup with \`redis-backup backup ${instance}\`. This Redis cannot be asked.`;
  return [warning('permissions', message, next)];
}

type Verdict = 'permitted' | 'denied' | 'unknown';

async function isPermitted(client: RedisClient, user: string, rule: string): Promise<Verdict> {
  const command = TRIED[rule];
  if (!command) throw new Error(`nothing is tried for ${rule}`);
  const [name = '', ...args] = command;
  const answer = await answerOf(client, ['ACL', 'DRYRUN', user, (await client.called(name)) || name, ...args]);
  if (answer instanceof RecoveryError && /Command '.*' not found/i.test(answer.message)) return 'permitted'; // the check of commands tells
  if (answer === 'OK') return 'permitted';
  // Redis says in a plain text, not as an error, that it would refuse: first for the command, and only then for the key. Of
  // a user who lacks the command nobody knows whether it has the keys; to grant them again changes nothing.
  if (typeof answer === 'string') return rule.startsWith('+') && /\bkey\b/.test(answer) ? 'permitted' : 'denied';
  if (!HARMLESS.has(rule)) return 'unknown';
  const tried = await answerOf(client, command);
  return tried instanceof RecoveryError && tried.code === 'REDIS_PERMISSION_DENIED' ? 'denied' : 'permitted';
}

/** The reply, or the error with which Redis refused. A Redis that is gone is no answer. */
async function answerOf(client: RedisClient, command: readonly string[]): Promise<unknown> {
  try {
    return await client.command(...command);
  } catch (error) {
    if (error instanceof RecoveryError && (error.code === 'REDIS_PERMISSION_DENIED' || error.code === 'REDIS_REFUSED'))
      return error;
    throw error;
  }
}
