import { RecoveryError } from './errors.ts';

/**
 * Whom an operation means: one Redis as one configuration names it, without a secret. Goes with every workflow, and every step
 * compares it with the configuration of its own worker before it touches anything.
 */
export interface Target {
  instance: string;
  /** `deployment` of the configuration. Absent: it has no name. */
  deployment?: string;
  /** `host:port`, or `unix:/path`. */
  address: string;
  /** Where that address, or the process, is to be found; ANY_HOST: on the machine of whichever worker takes it. */
  host?: string;
  /** redis.conf of a process. */
  configFile?: string;
  /** Where its backups live. */
  repository: string;
}

export const ANY_HOST = '*';

/** Memo of a workflow and header of its steps. */
export const TARGET = 'redisTarget';
/** Memo of a workflow whose namespace lacks our search attributes: it, and its children, set none. */
export const NO_SEARCH_ATTRIBUTES = 'withoutSearchAttributes';

const PARTS = ['deployment', 'address', 'host', 'configFile', 'repository'] as const;
const WORDS: Record<(typeof PARTS)[number], string> = {
  deployment: 'deployment',
  address: 'address',
  host: 'machine',
  configFile: 'redis.conf',
  repository: 'repository',
};

/** What is not the same, each in words: `address 10.0.0.5:6379 and not 10.0.0.6:6379`. Empty: both mean the same Redis. */
export function differencesOf(one: Target, other: Target): string[] {
  return PARTS.filter((part) => one[part] !== other[part] && !(part === 'host' && isAnywhere(one, other))).map(
    (part) => `${WORDS[part]} ${one[part] ?? 'none'} and not ${other[part] ?? 'none'}`,
  );
}

const isAnywhere = (one: Target, other: Target): boolean => one.host === ANY_HOST || other.host === ANY_HOST;

/** One target in words. */
export const formatTarget = ({ instance, deployment, address, host, repository }: Target): string =>
  `${instance} at ${address}${host && host !== ANY_HOST ? ` on ${host}` : ''}${deployment ? `, deployment ${deployment}` : ''}, repository ${repository}`;

/**
 * The name of a queue, a workflow or a schedule within a deployment. One without a name has them as they are documented.
 * Safe to repeat.
 */
export const named = (deployment: string | undefined, name: string): string =>
  deployment === undefined || name.startsWith(`${deployment}:`) ? name : `${deployment}:${name}`;

/** The deployment in such a name. No name without one has a colon before its first slash. */
export const deploymentOf = (name: string): string | undefined => /^([a-z0-9-]+):/.exec(name)?.[1];

/** The name without its deployment. */
export const unnamed = (name: string): string => name.replace(/^[a-z0-9-]+:/, '');

/**
 * @param operation - its workflow id, for somebody who meets it; absent: it is a step of it that asks
 * @throws RecoveryError `DEPLOYMENT_DIFFERS` that names both
 */
export function requireSame(wanted: Target, own: Target | undefined, operation?: string): void {
  const differences = own ? differencesOf(wanted, own) : ['there is no such instance here'];
  if (differences.length === 0) return;
  const mine = own ? `; ${operation ? 'this configuration' : 'this worker'} means ${formatTarget(own)}` : '';
  throw new RecoveryError(
    'DEPLOYMENT_DIFFERS',
    `${operation ?? 'the operation'} is for ${formatTarget(wanted)}${mine} (${differences.join('; ')}). Nothing was touched`,
    {
      next: operation
        ? `If the configuration was changed: cancel ${operation} and start it anew. Two environments in one namespace: give each a \`deployment:\` of its own.`
        : 'It is tried again, and goes on where a worker has the configuration that it was started with. If that was changed: cancel the operation and start it anew.',
    },
  );
}
