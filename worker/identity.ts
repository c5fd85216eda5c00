import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config/config.ts';
import { fingerprintOf } from '../config/fingerprint.ts';
import { instanceNames } from '../config/load.ts';
import { targetOf } from '../config/target.ts';
import type { Target } from '../model/deployment.ts';

/** Temporal takes a thousand. */
const MOST_CHARACTERS = 900;

/** What the identity of a worker says, to people in the Web UI and to other workers. */
export interface WorkerIdentity {
  /** `worker.host:pid`. */
  name: string;
  pid: number;
  /** What the machine calls itself. */
  machine: string;
  deployment?: string;
  /** Of what all its instances share. */
  shared: string;
  /** As many as fit. */
  instances: { instance: string; address: string; host?: string; rest: string; settings: string }[];
  /** Not all of its instances fit. */
  cut?: true;
}

/**
 * `here:4711@db1 config=9f2c0d1e main=127.0.0.1:6379/here/1a2b3c4d/5e6f7a8b`: who polls, and whom it means by each instance.
 * As many as fit.
 */
export function identityOfWorker(config: Config): string {
  const { deployment } = config;
  const { shared, instances } = fingerprintOf(config);
  let text = `${config.worker.host}:${process.pid}@${hostname()}${deployment ? ` deployment=${deployment}` : ''} config=${shared}`;
  for (const name of instanceNames(config)) {
    const target = targetOf(config, name, 'worker');
    const more = target ? ` ${entryOf(target)}/${instances[name]}` : '';
    if (text.length + more.length > MOST_CHARACTERS) return `${text} …`;
    text += more;
  }
  return text;
}

const entryOf = (target: Target): string => `${target.instance}=${target.address}/${target.host ?? ''}/${restOf(target)}`;

/** Of what would be too long. */
export const restOf = ({ configFile = '', repository }: Target): string =>
  createHash('sha256').update(`${configFile}\n${repository}`).digest('hex').slice(0, 8);

/** @returns undefined for a worker that is none of ours */
export function parseIdentity(text: string): WorkerIdentity | undefined {
  const [head = '', ...words] = text.split(' ');
  const [, name, pid, machine] = /^([^@]*:(\d+))@(.+)$/.exec(head) ?? [];
  if (name === undefined || machine === undefined) return undefined;
  const identity: WorkerIdentity = { name, pid: Number(pid), machine, shared: '', instances: [] };
  for (const word of words) {
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/.exec(word) ?? [];
    if (key === 'deployment' && !value.includes('/')) identity.deployment = value;
    if (key === 'config') identity.shared = value;
    if (word === '…') identity.cut = true;
    const [, address, host, rest, settings] = /^(.+)\/([^/]*)\/([0-9a-f]{8})\/([0-9a-f]{8})$/.exec(value) ?? [];
    if (address && rest && settings)
      identity.instances.push({ instance: key, address, ...(host ? { host } : {}), rest, settings });
  }
  return identity;
}
