import { createHash } from 'node:crypto';
import type { Config, InstanceConfig } from './config.ts';

/** What tells two configurations apart, in 8 hexadecimal digits each. */
export interface Fingerprint {
  /** Of the repository, Temporal and the deployment. What stands in `worker` is for one machine alone. */
  shared: string;
  /** Of all settings of each instance. */
  instances: Readonly<Record<string, string>>;
}

/**
 * Comments, order and defaults that are written out make no difference. Says nothing of secrets: only where they are goes into
 * it.
 */
export function fingerprintOf({ deployment, repository, temporal, instances }: Config): Fingerprint {
  const entries = Object.entries(instances).map(([name, instance]) => [name, digestOf(onAnyMachine(instance))] as const);
  return { shared: digestOf({ deployment, repository, temporal }), instances: Object.fromEntries(entries) };
}

/** Of all of it, also of what is for this machine alone. */
export const wholeFingerprint = ({ origin: _, ...config }: Config): string => digestOf(config);

/** A machine that the file leaves open is another one for each reader. */
const onAnyMachine = ({ shards, ...instance }: InstanceConfig): object => ({
  ...instance,
  shards: shards.map(({ platform, ...shard }) => {
    if (platform.type !== 'process' || platform.hostIsNamed) return { ...shard, platform };
    const { host: _, ...rest } = platform;
    return { ...shard, platform: rest };
  }),
});

const digestOf = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex')
    .slice(0, 8);

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  );
}
