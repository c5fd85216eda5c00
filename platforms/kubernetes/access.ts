import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** How a cluster is reached. Both absent: as KUBECONFIG says, else as a pod of it, else as ~/.kube/config says. */
export interface ClusterAccess {
  kubeconfig?: string;
  context?: string;
}

/** Whether there is something here that says where the cluster is. Asks nobody. */
export const isReachable = ({ kubeconfig }: ClusterAccess): boolean =>
  kubeconfig === undefined
    ? existsSync('/var/run/secrets/kubernetes.io/serviceaccount/token') ||
      process.env.KUBECONFIG !== undefined ||
      existsSync(join(homedir(), '.kube/config'))
    : existsSync(kubeconfig);
