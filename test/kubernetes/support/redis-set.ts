import { REDIS_IMAGE } from './test-cluster.ts';

export interface RedisSetOptions {
  /** Lines of redis.conf. */
  conf?: readonly string[];
  /** Fields of the container that are added or replaced. */
  container?: object;
  /** Fields of the pod that are added or replaced. */
  pod?: object;
  replicas?: number;
  accessMode?: 'ReadWriteOnce' | 'ReadWriteOncePod';
}

/** User and group of Redis in a pod. */
const REDIS = 999;

/** A plain StatefulSet `redis` with a claim, its Service and its ConfigMap, as people write them. */
export function redisSet({
  conf = [],
  container = {},
  pod = {},
  replicas = 1,
  accessMode = 'ReadWriteOnce',
}: RedisSetOptions = {}): object[] {
  const labels = { app: 'redis' };
  const ping = { exec: { command: ['redis-cli', 'ping'] }, periodSeconds: 1 };
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'redis' },
      data: { 'redis.conf': ['dir /data', 'appendonly yes', 'bind * -::*', 'protected-mode no', ...conf, ''].join('\n') },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'redis' },
      spec: { selector: labels, ports: [{ port: 6379 }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'redis' },
      spec: {
        serviceName: 'redis',
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 10,
            securityContext: { runAsUser: REDIS, runAsGroup: REDIS, fsGroup: REDIS },
            containers: [
              {
                name: 'redis',
                image: REDIS_IMAGE,
                imagePullPolicy: 'IfNotPresent',
                command: ['redis-server', '/etc/redis/redis.conf'],
                ports: [{ name: 'redis', containerPort: 6379 }],
                readinessProbe: ping,
                volumeMounts: [
                  { name: 'data', mountPath: '/data' },
                  { name: 'conf', mountPath: '/etc/redis' },
                ],
                ...container,
              },
            ],
            volumes: [{ name: 'conf', configMap: { name: 'redis' } }],
            ...pod,
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: [accessMode], resources: { requests: { storage: '100Mi' } } },
          },
        ],
      },
    },
  ];
}
