import { isIP } from 'node:net';
import { DEFAULT_DATA_CLASSES, FUNCTIONS, OTHER } from '../model/data-class.ts';
import { NEVER_RENAMED, SENT_COMMANDS } from '../model/sent-commands.ts';
import { schemesWith, storeKindOf } from '../repository/stores/registry.ts';
import type { Find, Problem } from './problems.ts';
import { crossCheckRecovery } from './recovery-checks.ts';
import type { RawConfig } from './schema.ts';

type RawInstance = RawConfig['instances'][string];

/** What no single field can say: fields that exclude or need each other. Runs when every field is right by itself. */
export function crossChecks(raw: RawConfig): Problem[] {
  const problems: Problem[] = [];
  const find: Find = (path, message) => void problems.push({ path, message });
  checkRepository(raw.repository, find);
  if (raw.temporal.tls) checkPair(raw.temporal.tls, 'cert', 'key', ['temporal', 'tls'], find);
  if (raw.dataClasses) checkClasses(raw.dataClasses, ['dataClasses'], find);
  if (Object.keys(raw.instances).length === 0) find(['instances'], 'has no entry; name at least one Redis');
  for (const [name, instance] of Object.entries(raw.instances)) {
    checkInstance(instance, ['instances', name], find);
    if (instance.archive && raw.repository.conditionalPut === 'none') {
      find(['instances', name, 'archive'], 'needs a store with conditional writes, and repository.conditionalPut is none');
    }
    const classes = instance.dataClasses ?? raw.dataClasses ?? DEFAULT_DATA_CLASSES;
    crossCheckRecovery(instance.recovery, classes, ['instances', name, 'recovery'], find);
  }
  return problems;
}

function checkPair<T extends object>(
  section: T,
  first: keyof T & string,
  second: keyof T & string,
  path: PropertyKey[],
  find: Find,
): void {
  if ((section[first] === undefined) === (section[second] === undefined)) return;
  const [there, missing] = section[first] === undefined ? [second, first] : [first, second];
  find([...path, there], `needs ${missing} beside it`);
}

function checkRepository(repository: RawConfig['repository'], find: Find): void {
  const { url, ...settings } = repository;
  const own = storeKindOf(url)?.settings ?? [];
  for (const field of Object.keys(settings).filter((name) => !own.includes(name))) {
    const others = schemesWith(field).map((scheme) => `${scheme}://`);
    find(['repository', field], `is only for a repository on ${others.join(' or ')}`);
  }
  checkPair(repository, 'accessKeyId', 'secretAccessKey', ['repository'], find);
  if (repository.sessionToken && !repository.accessKeyId) find(['repository', 'sessionToken'], 'needs accessKeyId beside it');
}

function checkInstance(instance: RawInstance, path: PropertyKey[], find: Find): void {
  if (instance.tls && !instance.url.startsWith('rediss:')) find([...path, 'tls'], 'needs a url that begins with rediss://');
  if (instance.tls) checkPair(instance.tls, 'cert', 'key', [...path, 'tls'], find);
  if (instance.username && !instance.password) find([...path, 'username'], 'needs password beside it');
  for (const name of Object.keys(instance.commands ?? {})) {
    const upper = name.toUpperCase();
    if (upper === NEVER_RENAMED)
      find(
        [...path, 'commands', name],
        'works under its own name only: Redis takes a renamed one for SYNC; remove its rename-command line',
      );
    else if (!SENT_COMMANDS.includes(upper))
      find([...path, 'commands', name], `is no command that is sent to a Redis; these are: ${SENT_COMMANDS.join(', ')}`);
  }
  if (instance.backup.every % 60_000 !== 0) find([...path, 'backup', 'every'], 'is not a whole number of minutes');
  if (instance.backup.method === 'bgsave' && instance.platform.type !== 'process') {
    find([...path, 'backup', 'method'], 'is bgsave, which needs platform.type process: the worker must see the data directory');
  }
  if (instance.platform.type === 'process') checkStart(instance.platform.start, [...path, 'platform', 'start'], find);
  if (instance.platform.type === 'process' && instance.platform.port !== undefined && instance.platform.socket !== undefined)
    find([...path, 'platform', 'socket'], 'is beside port; one of the two says where Redis listens');
  if (instance.dataClasses) checkClasses(instance.dataClasses, [...path, 'dataClasses'], find);
  checkNames(instance.applications, [...path, 'applications'], find);
  for (const [index, application] of instance.applications.entries()) {
    if (application.kind !== 'clients') continue;
    const at = [...path, 'applications', index];
    if (!application.addresses && !application.names) find(at, 'needs addresses or names: which clients are its own?');
    for (const address of application.addresses ?? []) {
      if (!isNetwork(address))
        find([...at, 'addresses'], `has "${address}" in it; allowed: an IP address or network, such as 10.0.0.0/24`);
    }
  }
}

function checkStart(
  start: { command?: string[]; systemd?: string; cwd?: string; logFile?: string },
  path: PropertyKey[],
  find: Find,
): void {
  if ((start.command === undefined) === (start.systemd === undefined)) find(path, 'needs exactly one of command and systemd');
  if (start.systemd === undefined) return;
  for (const field of ['cwd', 'logFile'] as const) if (start[field]) find([...path, field], 'goes with command only');
}

function checkClasses(classes: { name: string; pattern: string }[], path: PropertyKey[], find: Find): void {
  checkNames(classes, path, find);
  for (const [index, { name }] of classes.entries()) {
    if (name === OTHER)
      find([...path, index, 'name'], `is "${OTHER}", the class of what no pattern matches; give it another name`);
    if (name === FUNCTIONS)
      find([...path, index, 'name'], `is "${FUNCTIONS}", what function libraries are called; give it another name`);
  }
}

function checkNames(named: readonly { name: string }[], path: PropertyKey[], find: Find): void {
  for (const [index, { name }] of named.entries()) {
    if (named.findIndex((other) => other.name === name) < index)
      find([...path, index, 'name'], `is "${name}" for the second time`);
  }
}

/** `10.0.0.7`, `10.0.0.0/24`, `fd00::/8`. */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
