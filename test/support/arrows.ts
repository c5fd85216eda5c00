import { dirname, posix } from 'node:path';
import { type Import, importsOf, type Token, tokensOf } from './source-tokens.ts';

interface Room {
  /** The rooms that it may import, beside itself. */
  rooms: readonly string[];
  /** Single files of other rooms. */
  files?: readonly string[];
  /** The rooms that it may import types of. */
  typesOf?: readonly string[];
  /** May it use Node's own modules? */
  node: boolean;
  /** The packages that it may import, as names or as `@scope/`. */
  packages: readonly string[];
  /** Words that do not exist where it runs, or that give another answer at each run. */
  without?: readonly string[];
}

/** What the sandbox of a Temporal workflow does not have; it is found there only at run time. */
const NOT_IN_THE_SANDBOX = [
  'Buffer',
  'structuredClone',
  'crypto',
  'process',
  'performance',
  'queueMicrotask',
  'setInterval',
  'setImmediate',
  'AbortSignal',
  'AbortController',
  'atob',
  'btoa',
  'fetch',
  'toLocaleString',
  'Intl',
];
const IMPURE = ['Date.now', 'new Date()', 'Math.random', 'setTimeout', 'console'];
const CAPABILITIES = ['redis', 'repository', 'platforms', 'probes'];

/** The arrows of docs/architecture.md. */
export const ROOMS: Record<string, Room> = {
  model: { rooms: [], node: false, packages: [], without: [...NOT_IN_THE_SANDBOX, ...IMPURE] },
  config: { rooms: ['model'], files: ['repository/stores/registry.ts'], node: true, packages: ['yaml', 'zod'] },
  redis: { rooms: ['model'], node: true, packages: ['ioredis'] },
  repository: { rooms: ['model'], node: true, packages: ['@aws-sdk/', 'zod'] },
  platforms: { rooms: ['model'], files: ['repository/interruptible.ts'], node: true, packages: ['@kubernetes/client-node'] },
  probes: { rooms: ['model'], node: true, packages: [] },
  activities: { rooms: ['model', ...CAPABILITIES], node: true, packages: ['@temporalio/activity', '@temporalio/common'] },
  workflows: {
    rooms: ['model'],
    typesOf: ['activities'],
    node: false,
    packages: ['@temporalio/workflow', '@temporalio/common'],
    without: NOT_IN_THE_SANDBOX,
  },
  worker: {
    rooms: ['model', 'config', ...CAPABILITIES, 'activities', 'workflows'],
    node: true,
    packages: ['@temporalio/', 'prom-client'],
  },
  cli: {
    rooms: ['model', 'config', ...CAPABILITIES, 'activities', 'workflows', 'worker'],
    node: true,
    packages: ['@temporalio/', 'commander', 'cli-progress', 'log-update', 'yaml', 'zod'],
  },
};

/** Only their own room gets at these: backups are had from the `Repository`, which hands out what one shard has of each kind. */
const INNER = ['repository/stores/', 'repository/stored-object.ts', 'repository/small-objects.ts'];

/** A library of a single folder. */
const OF_A_FOLDER: Readonly<Record<string, string>> = { '@kubernetes/client-node': 'platforms/kubernetes/' };

/** Each platform is known where it is opened, and nowhere else: all others ask what an instance can do. */
const ONE_PLATFORM = { folder: /^platforms\/(?:process|kubernetes)\//, room: 'platforms', openedIn: 'worker/parts.ts' };

/** What runs against the arrows in one file, as `file:line: why`; empty if nothing does. */
export function breachesIn(file: string, source: string, rooms: Record<string, Room> = ROOMS): string[] {
  const name = file.split('/')[0] ?? '';
  const room = rooms[name];
  if (!room) return [`${file}: ${name}/ is not a room of test/support/arrows.ts`];
  const tokens = tokensOf(source);
  return [
    ...importsOf(tokens).flatMap((found) => {
      const why = whyNotImport(name, room, file, found);
      return why === undefined ? [] : [`${file}:${found.line}: ${why}`];
    }),
    ...wordsOf(tokens, room.without ?? []).map(({ text, line }) => `${file}:${line}: ${name}/ must not use ${text}`),
  ];
}

function whyNotImport(name: string, room: Room, file: string, { from, typeOnly }: Import): string | undefined {
  if (from === undefined) return 'imports something computed, which nobody can check';
  if (from.startsWith('node:')) return room.node ? undefined : `${name}/ must not import ${from}`;
  if (!from.startsWith('.')) {
    const allowed = room.packages.some((known) => from === known || (known.endsWith('/') && from.startsWith(known)));
    const folder = OF_A_FOLDER[from];
    if (allowed && folder !== undefined && !file.startsWith(folder)) return `only ${folder} may import ${from}`;
    return allowed ? undefined : `${name}/ must not import ${from}`;
  }
  const path = posix.join(dirname(file), from);
  const { folder, room: own, openedIn } = ONE_PLATFORM;
  if (folder.test(path) && name !== own && file !== openedIn) return `only ${openedIn} may import ${path}`;
  const target = path.split('/')[0] ?? '';
  if (room.files?.includes(path)) return undefined;
  if (target !== name && INNER.some((inner) => path.startsWith(inner))) return `${path} is for ${target}/ alone`;
  if (target === name || room.rooms.includes(target)) return undefined;
  if (room.typesOf?.includes(target)) return typeOnly ? undefined : `${name}/ may import only types from ${target}/`;
  if (target === 'package.json' && room.node) return undefined; // the version of this software
  return `${name}/ must not import from ${target}/`;
}

/** Uses of the words as globals: not as a property of something else, a key or a type. */
function wordsOf(tokens: Token[], words: readonly string[]): { text: string; line: number }[] {
  const textAt = (at: number): string => tokens[at]?.text ?? '';
  return tokens.flatMap(({ text, line }, at) => {
    if (textAt(at - 1) === '.' && text !== 'toLocaleString') return [];
    const isKey = textAt(at + 1) === ':' && /^[{,;]$/.test(textAt(at - 1));
    const forms = [
      text,
      `${text}${textAt(at + 1)}${textAt(at + 2)}`, // Date.now
      `${text} ${textAt(at + 1)}${textAt(at + 2)}${textAt(at + 3)}`, // new Date()
    ];
    const found = forms.find((form) => words.includes(form));
    return found === undefined || isKey ? [] : [{ text: found, line }];
  });
}
