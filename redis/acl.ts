/**
 * What each job needs of Redis' ACL, and no more: rules for `ACL SETUSER <user> on ><password> …`. Only a
 * merge and a recovery name keys, so no other job needs `~*`.
 * Tested with exactly these users.
 */
export const MINIMUM_ACL = {
  /** A snapshot over replication, and what `check` and the manifest tell of the server. */
  backup: ['+psync', '+replconf', '+info', '+config|get', '+time', '+module|list'],
  /** The continuous log: it stays among the replicas. Its base is a backup, and who began it stands in each timeline. */
  archive: ['+psync', '+replconf', '+info', '+config|get', '+time', '+module|list'],
  /** A watcher's look. */
  watch: ['+info', '+ping'],
  /** On top of `backup`, for method `bgsave`. */
  bgsave: ['+bgsave'],
  /** On top of `backup`, for snapshots that turn `rdbcompression` off at the fork. */
  withoutRdbCompression: ['+config|set'],
  /** On top of `backup`, for a restore of a process that is started by a command. */
  restore: ['+shutdown'],
  /** On top of any way to restore, to count by data class what is there before and after; without them only DBSIZE tells. */
  classes: ['+select', '+scan'],
  /** On top of `restore`, where systemd stops it: its signal saves only where there are save points. */
  restoreBySystemd: ['+save'],
  /** On top of `backup`, for a restore that makes Redis a replica of the worker for the length of one load. */
  live: ['+replicaof', '+config|set', '+bgsave', '+pubsub|numsub', '+migrate', '+set', '+del', '~__probe:*'],
  /** On top of `restore`, for a recovery; of the probe that proves a read and a write, too. */
  recovery: ['+ping', '+set', '+get', '+del', '+setrange', '~__redis-backup:probe:*', '+replicaof', '+script|kill'],
  /** On top of `recovery`, for ending a function that never ends. Redis 6.2 has none, and refuses the rule. */
  recoveryOfFunctions: ['+function|kill'],
  /** On top of `recovery`, where systemd starts it: what a stopped server would save must not replace what is to be kept. */
  recoveryBySystemd: ['+config|set'],
  /** On top of `restore`, for applications that are looked for among the clients. */
  clients: ['+client|list'],
  /** On top of `backup`, for bringing keys of some data classes back. */
  merge: ['+ping', '+select', '+scan', '+restore', '+memory|usage', '~*'],
  /** On top of `merge`, for function libraries. Redis 6.2 has none, and refuses the rule. */
  mergeOfFunctions: ['+function|list', '+function|load'],
  /** On top of `backup`, for a recovery that counts the keys of data classes, and looks up the last sessions of the log. */
  sessions: ['+select', '+scan', '+memory|usage', '~*'],
  /** On top of any of them, for `check` and plans to say which users a restart takes back. */
  nextStart: ['+acl|list'],
  /** On top of any of them, for `check` to ask what is permitted; Redis 6.2 cannot be asked. */
  check: ['+acl|dryrun'],
  /** On top of `backup`, for applying the persistence policy. */
  applyPolicy: ['+config|set', '+config|rewrite'],
} as const satisfies Record<string, readonly string[]>;

const { backup, restore, recovery, classes, sessions, nextStart } = MINIMUM_ACL;
const recoveries = [...backup, ...restore, ...recovery, ...sessions, ...nextStart];
const replacing = [...backup, ...restore, ...classes, ...nextStart];

/** All that a user needs who does one thing and nothing else: docs/permissions.md is made from this table. */
export const OPERATIONS: readonly { name: string; rules: readonly string[] }[] = [
  { name: '`backup`', rules: backup },
  { name: '`backup`, with `backup.method: bgsave`', rules: [...backup, ...MINIMUM_ACL.bgsave] },
  { name: '`backup`, with `backup.uncompressedFork`', rules: [...backup, ...MINIMUM_ACL.withoutRdbCompression] },
  { name: '`archive`', rules: MINIMUM_ACL.archive },
  { name: '`watch`', rules: MINIMUM_ACL.watch },
  { name: '`restore`, Redis started by a command', rules: replacing },
  { name: '`restore`, Redis started by systemd', rules: [...replacing, ...MINIMUM_ACL.restoreBySystemd] },
  { name: '`restore --strategy live`', rules: [...backup, ...MINIMUM_ACL.live, ...classes] },
  { name: '`restore --only`', rules: [...backup, ...MINIMUM_ACL.merge] },
  {
    name: '`restore --only` with `functions`, or a recovery that brings them back',
    rules: [...backup, ...MINIMUM_ACL.merge, ...MINIMUM_ACL.mergeOfFunctions],
  },
  { name: '`recover`, Redis started by a command', rules: recoveries },
  {
    name: '`recover`, Redis started by systemd',
    rules: [...recoveries, ...MINIMUM_ACL.restoreBySystemd, ...MINIMUM_ACL.recoveryBySystemd],
  },
  { name: '`check --apply`', rules: [...backup, ...MINIMUM_ACL.applyPolicy, ...nextStart] },
  { name: 'everything', rules: Object.values(MINIMUM_ACL).flat() },
];

/**
 * Rules in an order that Redis accepts, each once: after `~*` it refuses any other pattern, which would add nothing.
 * @param hasAllKeys - the user has `~*` already
 */
export function rulesInOrder(rules: readonly string[], hasAllKeys = false): string[] {
  const each = [...new Set(rules)];
  const patterns = each.filter((rule) => rule.startsWith('~'));
  const wanted = patterns.includes('~*') ? ['~*'] : patterns;
  return [...each.filter((rule) => !rule.startsWith('~')), ...(hasAllKeys ? [] : wanted)];
}
