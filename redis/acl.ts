/**
 * What each job needs of Redis' ACL, and no more: rules for `ACL SETUSER <user> on ><password> …`. No job reads a key by name,
 * so none needs `~*`.
 * Tested with exactly these users.
 */
export const MINIMUM_ACL = {
  /** A snapshot over replication, and what `check` and the manifest tell of the server. */
  backup: ['+ping', '+psync', '+replconf', '+info', '+config|get', '+time', '+module|list'],
  /** On top of `backup`, for method `bgsave`. */
  bgsave: ['+bgsave'],
  /** On top of `backup`, for snapshots that turn `rdbcompression` off at the fork. */
  withoutRdbCompression: ['+config|set'],
  /** On top of `backup`, for applying the persistence policy. */
  applyPolicy: ['+config|set', '+config|rewrite'],
} as const satisfies Record<string, readonly string[]>;
