import type { ErrorCode } from '../../model/errors.ts';

/** The check that foresees it; or why nobody can; or that each place in the code has an answer of its own. */
export type Answer = { check: string } | { moment: string };

const said = (check: string): Answer => ({ check });
const moment = (why: string): Answer => ({ moment: why });

const TYPED = moment('of what somebody types');
const PASSES = moment('it passes by itself, and the job waits or is tried again');
const BYTES = moment('of bytes that are read when they are needed; `show` and a plan with a rehearsal read them');
const WHILE = moment('of what happens while the operation runs');
const OURS = moment('of the other operation that runs then');

/** For every code: `by place` where some of its refusals stand and others do not. */
export const FORESEEN_CODES: Readonly<Record<ErrorCode, Answer | 'by place'>> = {
  USAGE: TYPED,
  CONFIG_INVALID: 'by place',
  INPUT_INVALID: TYPED,
  INSTANCE_UNKNOWN: TYPED,

  REDIS_UNREACHABLE: said('redis'),
  REDIS_AUTH_FAILED: said('redis'),
  REDIS_PERMISSION_DENIED: said('permissions'),
  REDIS_NOT_READY: PASSES,
  REDIS_REFUSED: 'by place',
  REPLICATION_INTERRUPTED: PASSES,
  REPLICATION_PROTOCOL: moment('of what answers in the place of a Redis once it is asked for its stream'),
  BGSAVE_FAILED: said('last save'),
  CLOCK_SKEW: said('clock'),
  TARGET_DOUBTFUL: said('identity'),

  BACKUP_MISSING: TYPED,
  RDB_CHECKSUM_MISMATCH: BYTES,
  RDB_MALFORMED: BYTES,
  RDB_FOREIGN: BYTES,
  BACKUP_CORRUPT: BYTES,
  MANIFEST_INVALID: said('backups'),
  MANIFEST_VERSION_UNKNOWN: said('backups'),
  BACKUP_ENCRYPTED: said('backups'),

  ARCHIVE_GAP: said('log'),
  ARCHIVE_CORRUPT: said('log'),
  LOG_FOREIGN_COMMAND: said('archived commands'),
  LOG_MALFORMED: BYTES,
  LOG_REFUSED: moment('of the commands in the stretch of log that is asked for: the rehearsal names them'),

  STORE_UNREACHABLE: said('worker store'),
  STORE_DENIED: said('worker store'),
  STORE_MISSING: said('worker store'),
  OBJECT_MISSING: said('backups'),
  OBJECT_EXISTS: OURS,
  OBJECT_CORRUPT: PASSES,
  STORE_FULL: moment('no store says how much more it takes'),
  STORE_UNFIT: said('worker store'),
  STORE_NOT_S3: said('worker store'),
  STORE_UNPROVEN: said('worker store'),

  REPOSITORY_FOREIGN: said('owner'),

  RESTORE_REFUSED: 'by place',
  RESTORE_LOSS: moment('of what Redis holds then; the plan counts it, and somebody may accept it'),
  CONFIG_UNSTARTABLE: said('next start'),
  PLAN_CHANGED: OURS,
  TARGET_IDENTITY: 'by place',
  TARGET_DISK_FULL: 'by place',
  TARGET_DENIED: said('rights'),
  DATA_DIRECTORY: said('leftovers'),
  DATA_DIRECTORY_BUSY: OURS,
  STOP_FAILED: 'by place',
  START_FAILED: 'by place',
  COUNT_MISMATCH: WHILE,
  APPLICATIONS_UNCONNECTED: WHILE,

  LIVE_FAILED: WHILE,
  PUT_BACK: WHILE,
  OLD_DATA_MISSING: WHILE,
  ARCHIVER_REPLACED: OURS,

  LOCKED: OURS,
  LOCK_LOST: OURS,
  CANCELLED: TYPED,
  PLATFORM_UNSUPPORTED: 'by place',
  PLACE_UNREACHABLE: said('place'),
  RESTART_TOO_SOON: OURS,
  TEMPORAL_UNREACHABLE: said('temporal'),
  TEMPORAL_FORGOT: WHILE,
  DEPLOYMENT_DIFFERS: said('worker'),
  KUBERNETES_UNREACHABLE: PASSES,
  KUBERNETES_DENIED: said('platform'),
  KUBERNETES_MISSING: said('platform'),
  KUBERNETES_CONFLICT: WHILE,
  KUBERNETES_REFUSED: WHILE,
  NEEDS_PERSON: WHILE,
  NOT_RECOVERED: WHILE,
  MERGE_INCOMPLETE: WHILE,
  DETACHED: TYPED,

  CHECK_FAILED: moment('it is the answer of `check` itself'),
  BACKUP_STALE: moment('it is the answer of `status`'),
  BACKUP_NONE: moment('until the first backup is taken; `status` says so'),

  INTERNAL: moment('a fault of ours'),
};

/** Of the codes that are answered by place: `file declaration`. */
export const FORESEEN_PLACES: Readonly<Record<string, Answer>> = {
  // CONFIG_INVALID
  'activities/archive/follow-stream.ts requireArchive': TYPED,
  'activities/watch/view.ts requireWatch': TYPED,
  'model/backup/retention.ts requireSane': said('configuration'),
  'platforms/data-layout.ts invalid': said('refusals'),
  'platforms/kubernetes/cluster.ts unusable': said('platform'),
  'platforms/kubernetes/container-conf.ts commandOf': said('platform'),
  'platforms/kubernetes/container.ts redisContainer': said('platform'),
  'platforms/kubernetes/mounted-files.ts unseen': said('platform'),
  'platforms/redis-conf.ts onThisMachine': said('platform'),
  'platforms/redis-conf.ts unusable': said('platform'),
  'platforms/process/systemd-starter.ts noSuchUnit': said('refusals'),
  'platforms/throwaway/server-binary.ts notThere': said('refusals'),
  'platforms/throwaway/server-version.ts noServer': said('refusals'),
  'repository/stores/registry.ts openStore': said('configuration'),

  // REDIS_REFUSED
  'activities/recovery/await-serving.ts isReplica': WHILE,
  'redis/client/errors.ts errorOfReply': said('commands'),
  'redis/health/kill-script.ts hasWritten': WHILE,
  'redis/health/probe-write.ts probeWrite': WHILE,
  'redis/keys/lookups.ts readLookups': moment('the hit rate is left out then, and nothing else'),
  'redis/roles.ts becomePrimary': WHILE,
  'redis/roles.ts followReplica': WHILE,

  // RESTORE_REFUSED
  'activities/merge/fit.ts refuseUnfit': said('refusals'),
  'activities/merge/fit.ts refuseNewer': said('refusals'),
  'activities/merge/fit.ts noDatabase': moment('of the classes that are asked for; of all keys the plan of a restore says it'),
  'activities/recovery/replicas.ts refuseFollowers': moment('of what the replicas hold when Redis is down'),
  'activities/recovery/replicas.ts refuseSentinels': moment(
    'of the replica that a recovery proposes then; the Sentinels act before it',
  ),
  'activities/recovery/shutdown.ts servesNow': WHILE,
  'activities/restore/ready-to-stop.ts refuseOtherLayout': WHILE,
  'activities/restore/rehearsal/guard.ts Guard': WHILE,
  'activities/restore/rehearsal/rehearsal-server.ts rehearsalBinary': said('refusals'),
  'activities/restore/survey-target.ts refuseObstacles': said('refusals'),
  'activities/throwaway/open.ts requireLoadable': said('refusals'),
  'activities/throwaway/open.ts requireMemory': said('refusals'),
  'model/merge/free-memory.ts maxmemoryRefusal': moment('of how much is missing in Redis then'),
  'model/merge/free-memory.ts machineRefusal': moment('of how much is missing in Redis then'),
  'model/restore/plan/live.ts liveRefusals': said('refusals'),
  'model/restore/plan/next-start.ts nextStartRefusals': said('refusals'),
  'model/restore/plan/next-start.ts startsAnother': said('next start'),
  'model/restore/plan/next-start.ts loadsOldLog': said('refusals'),
  'model/restore/plan/next-start.ts notOurs': said('refusals'),
  'model/restore/plan/next-start.ts followsAnother': said('refusals'),
  'model/restore/plan/next-start.ts lockedOut': said('next start'),
  'model/restore/plan/refusals.ts logRefusal': moment('of a restore without the rehearsal, which somebody asks for by name'),
  'model/restore/plan/refusals.ts topologyRefusal': said('refusals'),
  'model/restore/plan/refusals.ts versionRefusal': said('refusals'),
  'model/restore/plan/refusals.ts modulesRefusal': said('refusals'),
  'model/restore/plan/refusals.ts databasesRefusal': said('refusals'),
  'model/restore/plan/refusals.ts unparsedRefusal': said('refusals'),
  'model/restore/plan/refusals.ts maxmemoryRefusal': said('refusals'),
  'model/restore/plan/refusals.ts memoryRefusal': said('refusals'),
  'model/restore/plan/unusable.ts latestRefusal': said('refusals'),
  'platforms/data-directory/files.ts translated': said('refusals'),
  'platforms/data-directory/files.ts realDirectory': said('refusals'),
  'platforms/data-directory/journal.ts refuseWhenPutBack': WHILE,
  'platforms/data-directory/left-behind.ts notOver': OURS,
  'platforms/data-directory/stage.ts logOfNoUse': moment('of a restore without the rehearsal, which somebody asks for by name'),
  'platforms/data-directory/survey.ts refuseObstacles': said('refusals'),
  'redis/aof/directory.ts requirePlainName': WHILE,
  'redis/aof/directory.ts requireAbsent': WHILE,
  'redis/aof/directory.ts translate': WHILE,
  'redis/live/settings.ts unknownMasterauth': said('refusals'),
  'redis/rdb/shift-expiries.ts unmovable': moment('of one value in a backup, which is read then; the clone offers --keep-ttls'),

  // PLATFORM_UNSUPPORTED
  'activities/parts.ts filesAtHand': TYPED,
  'activities/parts.ts untold': said('refusals'),
  'activities/parts.ts unsupported': said('platform'),
  'platforms/kubernetes/claim-files.ts openClaimFiles': said('refusals'),
  'platforms/kubernetes/claim-files.ts notOnClaim': said('refusals'),
  'platforms/kubernetes/end-pod.ts severalReplicas': WHILE,
  'platforms/process/systemd-starter.ts systemctl': said('refusals'),
  'redis/aof/copy.ts requireLog': said('policy'),
  'redis/aof/copy.ts notReadable': said('rights'),
  'redis/persistence/bgsave.ts notOurs': said('refusals'),

  // START_FAILED
  'activities/recovery/await-serving.ts endedLoading': WHILE,
  'activities/recovery/restart.ts failedBefore': WHILE,
  'activities/restore/put-back.ts endedLoading': WHILE,
  'activities/restore/rehearsal/rehearsal-server.ts hasEnded': WHILE,
  'activities/server/await-serving.ts stands': WHILE,
  'activities/server/await-serving.ts diedLoading': WHILE,
  'platforms/kubernetes/start-pod.ts volumeInUse': WHILE,
  'platforms/kubernetes/start-pod.ts startFailed': WHILE,
  'platforms/process/command-starter.ts openOutput': said('refusals'),
  'platforms/process/command-starter.ts notStarted': said('refusals'),
  'platforms/process/start-process.ts startFailed': said('next start'),
  'platforms/process/start-user.ts mayNotBecome': said('start user'),
  'platforms/throwaway/throwaway.ts requireFreePort': TYPED,
  'platforms/throwaway/throwaway.ts startFailed': WHILE,
  'workflows/procedures/restart-server.ts restartServer': WHILE,

  // STOP_FAILED
  'activities/server/save-for-signal.ts saveForSignal': said('refusals'),
  'activities/recovery/server.ts cameBack': WHILE,
  'activities/restore/replace.ts cameBack': WHILE,
  'platforms/kubernetes/end-pod.ts stopFailed': WHILE,
  'platforms/process/command-starter.ts sendSignal': said('refusals'),
  'platforms/process/end-process.ts comesBack': moment('what starts a process again is seen when it has ended'),
  'platforms/process/end-process.ts stopFailed': WHILE,
  'platforms/throwaway/throwaway.ts signalTo': WHILE,

  // TARGET_IDENTITY
  'activities/restore/live/load.ts restarted': WHILE,
  'activities/restore/ready-to-stop.ts createReadyToStopActivities': WHILE,
  'activities/restore/replace.ts restarted': WHILE,
  'activities/stranger.ts stranger': said('platform'),
  'model/restore/plan/identity.ts notItsBackup': TYPED,
  'model/restore/plan/identity.ts otherServerRefusal': said('refusals'),
  'platforms/kubernetes/end-pod.ts another': WHILE,
  'platforms/process/end-process.ts anotherProcess': WHILE,
  'platforms/process/endpoint.ts elsewhere': said('platform'),
  'platforms/process/find-redis.ts several': said('platform'),

  // TARGET_DISK_FULL
  'activities/restore/live/spool-directory.ts noRoom': said('refusals'),
  'activities/restore/rehearsal/count.ts countBySaving': WHILE,
  'activities/restore/rehearsal/rehearse.ts requireRoom': moment(
    'of the stretch of log that is asked for: the plan goes on without the rehearsal',
  ),
  'activities/restore/replace.ts refuseWithoutRoom': said('refusals'),
  'activities/server/shutdown.ts orDiskFull': WHILE,
  'activities/throwaway/restore-source.ts translated': WHILE,
  'model/merge/free-memory.ts diskRefusal': moment('of how much is missing in Redis then'),
  'model/restore/plan/refusals.ts spaceRefusal': said('refusals'),
};
