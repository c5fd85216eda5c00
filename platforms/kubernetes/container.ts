import type { V1Container, V1PodSpec } from '@kubernetes/client-node';
import { RecoveryError } from '../../model/errors.ts';
import type { Workload } from './workload.ts';

/** Where the data directory lies: a claim that is mounted there. */
export interface ClaimMount {
  claim: string;
  mountPath: string;
  /** Only that folder of the claim is mounted. */
  subPath?: string;
}

/**
 * Which container is the Redis: the one that is named, else the only one that looks like it, by what it starts, by its image, by
 * its port. An exporter, a Sentinel or a proxy never is.
 * @throws RecoveryError `KUBERNETES_MISSING` where none has that name, `CONFIG_INVALID` where it cannot be told
 */
export function redisContainer(
  { description, template }: Pick<Workload, 'description' | 'template'>,
  named?: string,
): V1Container {
  const containers = template.spec?.containers ?? [];
  const names = containers.map(({ name }) => name).join(', ');
  if (named !== undefined) {
    const found = containers.find(({ name }) => name === named);
    if (found) return found;
    throw new RecoveryError('KUBERNETES_MISSING', `${description} has no container ${named}: it has ${names}`, {
      next: 'Correct platform.container.',
    });
  }
  const candidates = containers.filter((container) => !isBeside(container));
  for (const isRedis of [startsRedis, isRedisImage, hasRedisPort]) {
    const [first, second] = candidates.filter(isRedis);
    if (first && !second) return first;
    if (second) break;
  }
  throw new RecoveryError('CONFIG_INVALID', `which container of ${description} is the Redis cannot be told: ${names}`, {
    next: 'Name it by platform.container.',
  });
}

const words = ({ command = [], args = [] }: V1Container): string[] => [...command, ...args];
const imageName = ({ image = '' }: V1Container): string => image.replace(/@.*$/, '').split('/').at(-1) ?? '';

const startsRedis = (container: V1Container): boolean =>
  words(container).some((word) => /(?:^|[\s/])(?:redis|valkey)-server\b/.test(word));
const isRedisImage = (container: V1Container): boolean => /redis|valkey/.test(imageName(container));
const hasRedisPort = ({ ports = [] }: V1Container): boolean => ports.some(({ containerPort }) => containerPort === 6379);

/** What stands beside a Redis in its pod. */
const isBeside = (container: V1Container): boolean =>
  /exporter|metrics|sentinel|proxy/.test(`${container.name} ${imageName(container)}`) ||
  words(container).some((word) => /(?:redis|valkey)-sentinel\b|--sentinel\b/.test(word));

/** The claim that is mounted at a path or above it; undefined where none is. */
export function claimAt(workload: Workload, container: V1Container, path: string): ClaimMount | undefined {
  const mounts = claimMounts(workload, container).filter(({ mountPath }) => isWithin(path, mountPath));
  return mounts.sort((one, other) => other.mountPath.length - one.mountPath.length)[0];
}

/** All claims that a container has. */
export function claimMounts(
  { template, claimTemplates, podName }: Pick<Workload, 'template' | 'claimTemplates' | 'podName'>,
  { volumeMounts = [] }: V1Container,
): ClaimMount[] {
  return volumeMounts.flatMap(({ name, mountPath, subPath }) => {
    const claim = claimTemplates.includes(name) ? `${name}-${podName}` : claimOf(template.spec, name);
    return claim === undefined ? [] : [{ claim, mountPath: trimmed(mountPath), ...(subPath ? { subPath } : {}) }];
  });
}

const claimOf = (spec: V1PodSpec | undefined, volume: string): string | undefined =>
  spec?.volumes?.find(({ name }) => name === volume)?.persistentVolumeClaim?.claimName;

const trimmed = (path: string): string => path.replace(/\/+$/, '') || '/';

export const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
