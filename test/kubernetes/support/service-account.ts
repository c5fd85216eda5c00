import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { RIGHTS } from '../../../platforms/kubernetes/rights.ts';
import type { TestNamespace } from './test-cluster.ts';

interface KubeConfig {
  clusters: object[];
  contexts: { name: string; context: { cluster: string; user: string } }[];
  'current-context': string;
}

/** Makes an account of a worker with the rights that docs/kubernetes.md gives it, and no other. @returns its kubeconfig */
export function kubeconfigOfWorker(namespace: TestNamespace): string {
  const name = 'redis-backup';
  namespace.apply(
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name }, rules: RIGHTS },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace: namespace.name }],
    },
  );
  const token = namespace.kubectl(['create', 'token', name, '--duration=2h']).trim();
  const ours = parse(readFileSync(process.env.KUBECONFIG ?? '', 'utf8')) as KubeConfig;
  const current = ours.contexts.find((one) => one.name === ours['current-context']);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: ours.clusters,
    users: [{ name, user: { token } }],
    contexts: [{ name: 'worker', context: { cluster: current?.context.cluster, user: name } }],
    'current-context': 'worker',
  };
  const path = join(mkdtempSync(join(tmpdir(), 'redis-backup-kubeconfig-')), 'kubeconfig');
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}
