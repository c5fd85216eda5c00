import { BlockList, isIP } from 'node:net';
import type { ClientsProbe, Sighting } from './application-probe.ts';
import type { ClientLine } from './client-list.ts';

/** Istio's sidecar shows every client under this address. */
const ISTIO = '127.0.0.6';
/** Sent on connecting, before the application itself has said anything; also while it is refused for its password. */
const HANDSHAKE = new Set(['', 'hello', 'auth', 'client|setname', 'client|setinfo', 'client|id', 'client', 'reset', 'quit']);
/** Connections of redis-backup itself call themselves this. */
const OWN_NAME = 'redis-backup';

interface Client extends ClientLine {
  /** It sent a command of its own since the restart. */
  atWork: boolean;
}

/**
 * Looks for the members of one application in CLIENT LIST. Behind a proxy all clients have the address of the proxy: then it
 * says that this cannot be told, and never that nobody is connected.
 * @param sinceMs - the restart; `nowMs` is our clock, too, only their difference counts, in whole seconds
 */
export function lookAtClients(
  probe: ClientsProbe,
  lines: readonly ClientLine[],
  { sinceMs, nowMs }: { sinceMs: number; nowMs: number },
): Sighting {
  const secondsSince = Math.ceil((nowMs - sinceMs) / 1000);
  const clients = lines
    .filter(({ flags, name, command }) => !/[MSO]/.test(flags) && !name.startsWith(OWN_NAME) && command !== 'client|list')
    .map((line) => ({ ...line, atWork: line.idleSeconds <= secondsSince && !HANDSHAKE.has(line.command) }));
  const named = byName(probe, clients);
  const addressed = joined(bySingleAddress(probe, clients), byNetwork(probe, clients));
  const { seen, stragglers } = joined(named, addressed);
  // A proxy hides addresses; names pass it.
  const why =
    addressed.stragglers.length === 0 ? undefined : (proxyIn(probe, clients, addressed) ?? crowdIn(probe, clients, addressed));
  return { seen, stragglers, unclear: why === undefined ? undefined : { why, final: false } };
}

const joined = (one: Sighting, other: Sighting): Sighting => ({
  seen: [...one.seen, ...other.seen],
  stragglers: [...one.stragglers, ...other.stragglers],
});

function byName({ clientNames = [] }: ClientsProbe, clients: readonly Client[]): Sighting {
  return sort(clientNames, (wanted) => clients.filter(({ name }) => name === wanted));
}

const isNetwork = (address: string): boolean => address.includes('/');

function bySingleAddress({ addresses = [] }: ClientsProbe, clients: readonly Client[]): Sighting {
  const singles = addresses.filter((address) => !isNetwork(address));
  return sort(singles, (wanted) => clients.filter(({ address }) => covers([wanted], address)));
}

function sort(members: readonly string[], clientsOf: (member: string) => Client[]): Sighting {
  const sighting: Sighting = { seen: [], stragglers: [] };
  for (const member of members) {
    const theirs = clientsOf(member);
    if (theirs.some(({ atWork }) => atWork)) sighting.seen.push(member);
    else sighting.stragglers.push(theirs.length > 0 ? `${member} (connected, but no command since)` : member);
  }
  return sighting;
}

/** In a network the members have no names: as many different addresses are wanted as there are members. */
function byNetwork({ addresses = [], expected = 1 }: ClientsProbe, clients: readonly Client[]): Sighting {
  const networks = addresses.filter(isNetwork);
  if (networks.length === 0) return { seen: [], stragglers: [] };
  const inside = clients.filter(({ address, atWork }) => atWork && covers(networks, address));
  const seen = [...new Set(inside.map(({ address }) => address))].slice(0, expected);
  const stragglers = Array.from({ length: expected - seen.length }, (_, index) => {
    return `no. ${seen.length + index + 1} of ${expected} in ${networks.join(', ')}`;
  });
  return { seen, stragglers };
}

/** All clients show one address that belongs to no member. */
function proxyIn({ addresses = [] }: ClientsProbe, clients: readonly Client[], { seen }: Sighting): string | undefined {
  const strange = new Set(clients.map(({ address }) => address).filter((address) => !covers(addresses, address)));
  const [only] = strange;
  const isOne = seen.length === 0 && strange.size === 1 && new Set(clients.map(({ address }) => address)).size === 1;
  const proxy = strange.has(ISTIO) ? ISTIO : isOne ? only : undefined;
  return proxy === undefined ? undefined : `all clients show the address ${proxy}, as behind a proxy`;
}

/**
 * Beside somebody else's clients: as many connections are at work from one address as there are members missing. These may be
 * they, behind a proxy, also where the proxy's own address is in their network.
 */
function crowdIn(
  { addresses = [] }: ClientsProbe,
  clients: readonly Client[],
  { seen, stragglers }: Sighting,
): string | undefined {
  const singles = addresses.filter((address) => !isNetwork(address));
  const counts = new Map<string, number>();
  for (const { address, atWork } of clients) if (atWork) counts.set(address, (counts.get(address) ?? 0) + 1);
  for (const [address, connections] of counts) {
    if (covers(singles, address) || seen.some((one) => one !== address)) continue;
    const needed = stragglers.length + seen.length;
    if (connections >= Math.max(2, needed))
      return `${connections} clients are at work from ${address}, which may be the ${needed} that are looked for, behind a proxy`;
  }
  return undefined;
}

function covers(addresses: readonly string[], address: string): boolean {
  const family = isIP(address);
  if (family === 0) return addresses.includes(address); // a Unix socket
  const list = new BlockList();
  for (const wanted of addresses) {
    const [base = '', bits] = wanted.split('/');
    const type = isIP(base) === 6 ? 'ipv6' : 'ipv4';
    if (isIP(base) === 0) continue;
    if (bits === undefined) list.addAddress(base, type);
    else list.addSubnet(base, Number(bits), type);
  }
  return list.check(address, family === 6 ? 'ipv6' : 'ipv4');
}
