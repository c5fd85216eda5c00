import { execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { NODE_ADDRESS } from './settings.ts';

const fileOf = (name: string): string => `/var/run/netns/${name}`;
const ip = (...args: string[]): void => void execFileSync('ip', args);

/**
 * A command with the network of a node. By nsenter: `ip netns exec` mounts a fresh /sys, too, where no cgroups are.
 * @param name - of the network namespace
 */
export const within = (name: string, command: readonly string[]): [string, string[]] => [
  'nsenter',
  [`--net=${fileOf(name)}`, ...command],
];

export function runWithin(name: string, command: readonly string[], input?: string): string {
  const [file, args] = within(name, command);
  return execFileSync(file, args, { encoding: 'utf8', input: input ?? '', stdio: ['pipe', 'pipe', 'pipe'] });
}

export function spawnWithin(name: string, command: readonly string[], options: SpawnOptions) {
  const [file, args] = within(name, command);
  return spawn(file, args, options);
}

/** Makes the network namespace of a node: loopback, and a bridge that has the node's address and the default route. */
export function openNetwork(name: string): void {
  if (!existsSync(fileOf(name))) ip('netns', 'add', name);
  const inside = (...args: string[]) => ip('-n', name, ...args);
  inside('link', 'set', 'lo', 'up');
  inside('link', 'add', 'node0', 'type', 'bridge'); // not every kernel has dummy devices
  inside('addr', 'add', `${NODE_ADDRESS}/24`, 'dev', 'node0');
  inside('link', 'set', 'node0', 'up');
  inside('route', 'add', 'default', 'dev', 'node0'); // the kubelet wants one
  // Two pods that talk over a Service are on one bridge, and the rules that rewrite its address must see their packets.
  runWithin(name, ['sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1', 'net.ipv4.ip_forward=1']);
}

export function closeNetwork(name: string): void {
  if (existsSync(fileOf(name))) ip('netns', 'delete', name);
}
