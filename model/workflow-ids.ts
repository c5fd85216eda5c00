/**
 * What excludes what. What is done to all of an instance goes by its name; what is done to one Redis by what people call that
 * (`shardName`): `main`, or `main/1` of several.
 */
export const WORKFLOW_IDS = {
  backup: (instance: string) => `backup/${instance}`,
  backupAof: (redis: string) => `backup-aof/${redis}`,
  restore: (instance: string) => `restore/${instance}`,
  retention: (instance: string) => `retention/${instance}`,
  /** A restore or a recovery that only plans: it must not stand in the way of one that runs. */
  plan: (redis: string) => `plan/${redis}`,
  /** What `check` asks of a worker. */
  examine: (redis: string) => `check/${redis}`,
  /** What a restore of it would be refused for, asked by `check`. */
  foresee: (redis: string) => `check-refusals/${redis}`,
  examineStore: (instance: string) => `check-store/${instance}`,
  lock: (instance: string) => `lock/${instance}`,
  archive: (redis: string) => `archive/${redis}`,
  recover: (redis: string) => `recover/${redis}`,
  watch: (redis: string) => `watch/${redis}`,
} as const;
