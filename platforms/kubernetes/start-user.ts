import type { StartUser } from '../../model/restore/start-user.ts';
import type { Look } from './pod-redis.ts';

/** By number: what name it has only its image knows. */
export function startUserOf({ workload, container }: Pick<Look, 'workload' | 'container'>): StartUser {
  const user = container.securityContext?.runAsUser ?? workload.template.spec?.securityContext?.runAsUser;
  return { from: 'pod', ...(user === undefined ? {} : { user: String(user) }) };
}
