import type { InstanceConfig } from '../../config/config.ts';
import { RecoveryError } from '../../model/errors.ts';
import { MINIMUM_ACL } from '../../redis/acl.ts';
import type { RedisClient } from '../../redis/client.ts';
import { type Finding, failed, findings, ok, warning } from './finding.ts';

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
};

/** Those that may really be run when the server cannot be asked what is permitted. */
const HARMLESS = new Set(['+replconf', '+info', '+ping', '+config|get', '+time', '+module|list', '+client|list']);

/** The rules that the configured jobs need, with the job that misses them first. */
export function neededRules(
  { backup, archive, watch, platform, applications }: InstanceConfig,
  apply: boolean,
): Map<string, string> {
  const needed = new Map<string, string>();
  const need = (job: string, rules: readonly string[]) => {
    for (const rule of rules) if (!needed.has(rule)) needed.set(rule, job);
  };
  need('backups', MINIMUM_ACL.backup);
  if (archive) need('the continuous log', MINIMUM_ACL.archive);
  if (watch) need('the watcher', MINIMUM_ACL.watch);
  if (backup.method === 'bgsave') need('backups by bgsave', MINIMUM_ACL.bgsave);
  if (backup.uncompressedFork) need('backups with uncompressedFork', MINIMUM_ACL.withoutRdbCompression);
  if (platform.type === 'process') need('restores', MINIMUM_ACL.restore);
  if (platform.type === 'process' && 'systemd' in platform.start) need('restores', MINIMUM_ACL.restoreBySystemd);
  if (applications.some(({ kind }) => kind === 'clients')) need('finding applications among the clients', MINIMUM_ACL.clients);
  if (apply) need('check --apply', MINIMUM_ACL.applyPolicy);
  return needed;
}

/** The user may run every command that the configured jobs need. ACL DRYRUN is asked where it can be; what is harmless is tried. */
export const checkPermissions = (client: RedisClient, instance: InstanceConfig, apply: boolean): Promise<Finding[]> =>
  findings('permissions', async () => {
    const user = instance.redis.username ?? 'default';
    const denied: string[] = [];
    const unknown: string[] = [];
    for (const [rule, job] of neededRules(instance, apply)) {
      const verdict = await isPermitted(client, user, rule);
      if (verdict === 'denied') denied.push(`${rule} (${job})`);
      if (verdict === 'unknown') unknown.push(`${rule} (${job})`);
    }
    if (denied.length > 0) {
      const rules = denied.map((one) => one.split(' ')[0]).join(' ');
      return failed(
        'permissions',
        `user "${user}" lacks ${denied.join(', ')}`,
        `Run in Redis: ACL SETUSER ${user} ${rules} (and ACL SAVE or CONFIG REWRITE to keep it).`,
      );
    }
    if (unknown.length === 0) return ok('permissions', `user "${user}" may do all that is needed`);
    const message = `user "${user}" could not be asked about ${unknown.join(', ')}: nothing harmless shows whether it is permitted`;
    return warning(
      'permissions',
      message,
      `Permit ACL DRYRUN to it (+acl|dryrun, Redis 7), or take a first backup with \`redis-backup backup ${instance.name}\`.`,
    );
  });

type Verdict = 'permitted' | 'denied' | 'unknown';

async function isPermitted(client: RedisClient, user: string, rule: string): Promise<Verdict> {
  const command = TRIED[rule] ?? [];
  const answer = await answerOf(client, ['ACL', 'DRYRUN', user, ...command]);
  if (answer === 'OK') return 'permitted';
  // Redis says in a plain text, not as an error, that it would refuse.
  if (typeof answer === 'string') return 'denied';
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
