/** Where only one instance can be meant. */
export const ONE_INSTANCE = {
  name: 'INSTANCE',
  about: 'which Redis; may be left out when the configuration has only one. Of several shards one is named as INSTANCE/SHARD',
} as const;
/** Where all can be meant. */
export const SOME_INSTANCES = { name: 'INSTANCE', about: 'which Redis; all when it is left out' } as const;
