import type { ErrorCode } from '../../model/errors.ts';

/** What to do about each error, for docs/errors.md. The `next:` line of the error itself knows more: it names the case. */
export const ERROR_ADVICE: Readonly<Record<ErrorCode, string>> = {
  USAGE: 'See `redis-backup COMMAND --help` and [commands.md](commands.md).',
  CONFIG_INVALID: 'Correct the line that the message names; [configuration.md](configuration.md) has every field.',
  INPUT_INVALID: 'Compare the input with the files in `examples/`.',
  INSTANCE_UNKNOWN: 'Use a name of the configuration; the message lists them.',

  REDIS_UNREACHABLE: 'See whether Redis runs, then host, port, firewall and TLS of the instance.',
  REDIS_AUTH_FAILED: 'Check user and password, and what the reference to the secret points at.',
  REDIS_PERMISSION_DENIED: 'Add the ACL rules that the message names; `redis-backup check` lists all that are missing.',
  REDIS_NOT_READY: 'Wait until Redis has loaded, or its own save or rewrite has ended; operations do that by themselves.',
  REDIS_REFUSED: 'Read what Redis answered. MISCONF means that it cannot save: look at its disk and log.',
  REPLICATION_INTERRUPTED:
    'The snapshot is taken again by itself. If it keeps happening: `client-output-buffer-limit replica`, the network, the memory of Redis.',
  REPLICATION_PROTOCOL: 'Is it a Redis or Valkey, and not a proxy? Some hosted services refuse replication: use another method.',
  BGSAVE_FAILED: "Look into Redis' log: disk space, permissions of its directory, memory for a fork.",
  CLOCK_SKEW: 'Set both clocks by NTP, then start again.',

  BACKUP_MISSING: 'Look at `redis-backup list`.',
  RDB_CHECKSUM_MISMATCH: 'The backup is taken again by itself. If it keeps happening, suspect memory and network of the server.',
  RDB_MALFORMED: 'The backup is taken again by itself. In a restore: use another backup.',
  RDB_FOREIGN: 'What was read is no RDB: is something else than Redis behind the address?',
  BACKUP_CORRUPT: 'Restore another backup, and look at the store: versions of the object, its own checks.',
  MANIFEST_INVALID: 'Restore another backup. The data beside the manifest may be whole: see repository-format.md.',
  MANIFEST_VERSION_UNKNOWN: 'Use a newer version of redis-backup, at least the one that took the backup.',
  BACKUP_ENCRYPTED:
    'Use a newer version of redis-backup, at least the one that took the backup. Retention leaves it, and the log behind it, alone.',

  ARCHIVE_GAP:
    'Choose a moment before or after the gap; the message says from when to when it lasts. Nothing steps over it silently.',
  ARCHIVE_CORRUPT: 'Restore to a moment before the damaged segment, or from a later snapshot, and look at the store.',
  LOG_FOREIGN_COMMAND:
    'A log is code. If the command was renamed on the server, map it with `archive.renamedCommands`; else find out who wrote it.',
  LOG_REFUSED:
    'The message names the command. Let the target have what it lacks (`databases` or `rename-command` in its redis.conf, a module, a newer Redis), or restore to the moment before that command.',
  LOG_MALFORMED: 'Restore to a moment before the damage, which the message names.',

  STORE_UNREACHABLE: 'Check endpoint and network; operations try again by themselves for a long time.',
  STORE_DENIED: 'Check the credentials, and that they may get, put, list and delete under the prefix.',
  STORE_MISSING: 'Create the bucket or directory, or correct `repository.url`.',
  OBJECT_MISSING: 'Somebody deleted it, or a rule of the store did: objects are deleted by redis-backup alone.',
  OBJECT_EXISTS: 'Two writers used one name. Start again: each attempt has a name of its own.',
  OBJECT_CORRUPT: 'Tried again by itself. If it keeps happening: the network, or a proxy that changes bytes.',
  STORE_FULL: 'Make room, or shorten the retention and run `redis-backup retention --apply`.',
  STORE_UNFIT: 'Use a store with conditional writes and checksums; the message names what this one lacks.',
  STORE_NOT_S3:
    'Look what answers at the endpoint: a maintenance page, a captive portal, another server, or a proxy that puts pages in place of answers. It is tried again by itself.',
  STORE_UNPROVEN:
    'Nothing counts as stored, and it is tried again. If it comes back, the store gives neither checksums nor ETags that are the MD5 of the bytes: try another `repository.checksum`, or use another store.',

  TARGET_DOUBTFUL:
    'Correct `url` of the instance: `redis-backup check` shows who answers. A Redis that is empty or was restarted is no doubt. If that very Redis is meant: `--into-another`, or field `intoAnother`.',
  REPOSITORY_FOREIGN:
    'Give this one a repository (prefix) of its own, or take the backups over: `redis-backup adopt`. To restore their data: `--from-another`.',
  RESTORE_REFUSED: 'Read the plan (`redis-backup restore --plan`): it names everything that forbids the restore.',
  RESTORE_LOSS:
    'Read what takes the keys away: the message has the `--until` right before it. If the loss is meant, repeat the command with the `--accept-loss` that it prints.',
  CONFIG_UNSTARTABLE:
    'Correct what Redis complains of in its redis.conf; it serves meanwhile. `redis-backup check` tries the start each time.',
  PLAN_CHANGED: 'Look at the new plan with `--plan`, and approve that one.',
  TARGET_IDENTITY: 'Make `url` and `platform` of the instance name the same Redis.',
  TARGET_DISK_FULL: 'Make room in the data directory: old and new data stand side by side.',
  TARGET_DENIED: 'Run the worker as a user who may write into the data directory: the one of Redis, or root.',
  DATA_DIRECTORY: 'Correct what the message names in the data directory; nothing was changed.',
  DATA_DIRECTORY_BUSY: 'Wait for the other operation in that directory, or see whether it still runs.',
  STOP_FAILED: 'Look at the process and its log, and stop it by hand; the operation then goes on.',
  START_FAILED: "Look at the last lines of Redis' log in the message; the old data is put back.",
  COUNT_MISMATCH: 'The old data was put back. Restore another backup, and keep this one for a look.',
  APPLICATIONS_UNCONNECTED: 'Look at the applications that the message names: can they reach Redis, with which password?',

  PUT_BACK:
    'The operation has failed, and what it had changed is undone: applications that Redis lets in are served. Mend what the message names (password, ACL, TLS, maxclients), then start it again.',
  OLD_DATA_MISSING:
    'What Redis had lies in its data directory, or in the safety snapshot: the message says where. See what its redis.conf says of dir, appendonly and dbfilename, and what is mounted there, before anything writes; `redis-backup recover` looks at it.',
  LIVE_FAILED:
    'The message says whether Redis holds its old data or the restored data. Read why, or restore with strategy `replace`.',
  ARCHIVER_REPLACED: 'Nothing to do here: another worker archives this instance. Two of them never write together.',

  LOCKED: 'Wait for the operation that the message names, or cancel it.',
  LOCK_LOST: 'Nothing more was changed by this run. See `lock/<instance>` in Temporal, then start again.',
  CANCELLED: 'Somebody cancelled it, and what it had changed was put back. Start it again when you want it.',
  PLATFORM_UNSUPPORTED: 'Configure `platform` as a type that can do it: see [configuration.md](configuration.md).',
  PLACE_UNREACHABLE: 'Start `redis-backup worker` on the machine that the message names.',
  RESTART_TOO_SOON:
    'A second restart rarely helps where the first did not, and can destroy what is left. Read the log of Redis; a person may approve it.',
  TEMPORAL_UNREACHABLE: 'Start Temporal or correct its address. To restore without it: `redis-backup restore --direct`.',
  TEMPORAL_FORGOT:
    'Temporal came back without its memory. What the operation had changed is not put back by it: look with `redis-backup recover INSTANCE --dry-run`; `redis-backup check --apply` starts what else is missing.',
  DEPLOYMENT_DIFFERS:
    'Two configurations share a Temporal namespace: give each a `deployment:` of its own. Changed on purpose: cancel what runs, restart the workers, start it anew.',
  KUBERNETES_UNREACHABLE:
    'Look whether the API server runs, and whether a firewall or a NetworkPolicy is in the way; it is tried again.',
  KUBERNETES_DENIED: 'Give the service account of the worker the verb that the message names, or a token that is valid.',
  KUBERNETES_MISSING: 'Make `platform.namespace`, `platform.statefulSet` and `platform.container` name what is there.',
  KUBERNETES_CONFLICT:
    'Look who else scales or deletes it (an operator, an autoscaler, a person), and start the operation again.',
  KUBERNETES_REFUSED: 'The message says what the API server has against it, such as a quota or an admission webhook.',
  NEEDS_PERSON:
    'Do what the message says. The lock tries again by itself and ends when that helps; nothing else runs on this instance until then.',
  NOT_RECOVERED:
    'Do what the report says under "to do", then start the recovery again. A promoted replica serves: point the applications at it.',
  MERGE_INCOMPLETE:
    'Do what the report says under "to do": mostly, give Redis more memory, then run the same command again. It keeps what is there.',
  DETACHED: 'The operation goes on. The message says how to wait for it and how to cancel it.',

  CHECK_FAILED: 'Do what stands below each failed finding, then run `redis-backup check` again.',
  BACKUP_STALE:
    'Look at the schedule (`redis-backup check`) and at the last runs in Temporal; take one with `redis-backup backup`.',
  BACKUP_NONE: 'Take one with `redis-backup backup`, and set the schedule with `redis-backup schedules`.',

  INTERNAL: 'Run it again with `REDIS_BACKUP_DEBUG=1`, and report what it prints.',
};
