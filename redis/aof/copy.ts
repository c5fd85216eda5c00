import { type FileHandle, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, RecoveryError } from '../../model/errors.ts';
import type { RedisClient } from '../client/client.ts';
import { describeConnection } from '../client/connection.ts';
import { type AofFile, formatAofManifest, parseAofManifest } from './manifest.ts';
import { aofBoundary } from './part.ts';
import { awaitNoRewrite, withoutAutoRewrite } from './rewrites.ts';

/** Where a server keeps its log, as this machine sees it. */
export interface AofPlace {
  /** `dir` of the server. */
  dir: string;
  appenddirname: string;
  appendfilename: string;
}

export interface PinAofOptions {
  signal?: AbortSignal;
  /** Told what is done or waited for. */
  onProgress?: (state: string) => void;
  /** How long a rewrite of the log may take that runs or is due already. Default 10 min. */
  rewriteTimeoutMs?: number;
  /** For a retry after a kill: what `auto-aof-rewrite-percentage` was before. Default: what it is. */
  previousPercentage?: string;
}

export interface PinnedFile extends Pick<AofFile, 'name' | 'seq' | 'type' | 'startOffset'> {
  /** The link. Of an increment it is the file that Redis still writes to: read it, and let no other Redis start with it. */
  path: string;
  /** How much of it belongs to the copy: it ends behind a whole command, outside of a transaction. */
  bytes: number;
}

export interface PinnedAof {
  form: 'multi-part' | 'single-file';
  /** In the order that Redis loads them. */
  files: PinnedFile[];
  /** Of the copy: without history. Absent for a single file, which has none. */
  manifest?: string;
  /** Seen just before: what was written up to there is in the copy, unless Redis was waiting for its disk. */
  replication: { replid: string; offset: number };
  /** What `auto-aof-rewrite-percentage` was; it is so again. */
  previousPercentage: string;
  /** Removes the links. May be called again. */
  release(): Promise<void>;
}

const ATTEMPTS = 10;

/**
 * Takes hold of a consistent copy of a log that Redis goes on writing: hard links, and how far each file counts. A rewrite of
 * the log in the middle is seen by the manifest, and it begins anew. Automatic rewrites are held off meanwhile, by a setting
 * that is put back here; it belongs on the undo list of the caller all the same, for the case of a kill.
 * Takes one pass over the last increment. Where links cannot be made, files are copied into `workDirectory`.
 * @param workDirectory - of the caller's own, best on the same file system; files of the same names in it are replaced
 * @throws RecoveryError `REDIS_NOT_READY` for a rewrite that takes too long, or a log that cannot be written;
 *   `PLATFORM_UNSUPPORTED` without a log, or one that this machine cannot read; `LOG_MALFORMED`
 */
export async function pinAof(
  client: RedisClient,
  place: AofPlace,
  workDirectory: string,
  options: PinAofOptions = {},
): Promise<PinnedAof> {
  await requireLog(client);
  await mkdir(workDirectory, { recursive: true, mode: 0o700 }).catch((error) => {
    throw notOurs(place, error);
  });
  const isMultiPart = (await client.configGet('appenddirname')).appenddirname !== undefined;
  return withoutAutoRewrite(client, options.previousPercentage, async (previousPercentage) => {
    for (let attempt = 1; ; attempt++) {
      // A rewrite puts another single file in the place of the old one, which is whole until then: no reason to wait.
      if (isMultiPart) await awaitNoRewrite(client, options);
      const replication = await replicationOf(client);
      const pins = await (isMultiPart ? pinDirectory : pinSingleFile)(place, workDirectory, options);
      if (pins) return { ...(await pinnedOf(pins, isMultiPart, options)), replication, previousPercentage };
      if (attempt === ATTEMPTS) throw neverStill(client);
      options.onProgress?.('the log was rewritten meanwhile: beginning anew');
    }
  });
}

interface Pin {
  file: AofFile;
  path: string;
  /** At the moment of the link. */
  bytes: number;
}

/** @returns undefined if the manifest was another one afterwards: the files may be of two of them */
async function pinDirectory(place: AofPlace, workDirectory: string, options: PinAofOptions): Promise<Pin[] | undefined> {
  const directory = join(place.dir, place.appenddirname);
  const manifestPath = join(directory, `${place.appendfilename}.manifest`);
  const readManifest = () =>
    readFile(manifestPath, 'utf8').catch((error) => {
      throw notOurs(place, error);
    });
  const text = await readManifest();
  const files = parseAofManifest(text).filter(({ type }) => type !== 'history');
  const ordered = [...files.filter(({ type }) => type === 'base'), ...files.filter(({ type }) => type === 'incr')];
  return pinAll(ordered, directory, workDirectory, options, async () => (await readManifest()) === text);
}

/** There is nothing to compare: what is linked is whole, whatever stands in its place afterwards. */
const pinSingleFile = ({ dir, appendfilename }: AofPlace, workDirectory: string, options: PinAofOptions) =>
  pinAll([{ name: appendfilename, seq: 1, type: 'base' }], dir, workDirectory, options, async () => true);

async function pinAll(
  files: readonly AofFile[],
  from: string,
  to: string,
  { signal, onProgress }: PinAofOptions,
  isStill: () => Promise<boolean>,
): Promise<Pin[] | undefined> {
  const pins: (Pin & { handle?: FileHandle })[] = [];
  try {
    for (const file of files) {
      signal?.throwIfAborted();
      onProgress?.(`linking ${file.name}`);
      const pin = await pinOne(join(from, file.name), join(to, file.name));
      if (!pin) return undefined;
      pins.push({ file, ...pin });
    }
    signal?.throwIfAborted();
    if (!(await isStill())) return undefined;
    for (const { handle, path, bytes } of pins) if (handle) await copyOut(handle, path, bytes, signal);
    return pins.map(({ handle: _, ...pin }) => pin);
  } finally {
    for (const { handle } of pins) await handle?.close();
  }
}

const CANNOT_LINK = ['EXDEV', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** A link, or else an open file, holds what stands there now. @returns undefined if it is gone: the manifest was old */
async function pinOne(source: string, path: string): Promise<{ path: string; bytes: number; handle?: FileHandle } | undefined> {
  try {
    await rm(path, { force: true });
    try {
      await link(source, path);
      return { path, bytes: (await stat(path)).size };
    } catch (error) {
      if (!CANNOT_LINK.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      const handle = await open(source, 'r');
      return { path, bytes: (await handle.stat()).size, handle };
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw notReadable(source, error);
  }
}

async function copyOut(source: FileHandle, path: string, bytes: number, signal?: AbortSignal): Promise<void> {
  const target = await open(path, 'wx', 0o600);
  try {
    const block = Buffer.allocUnsafeSlow(1024 * 1024);
    for (let at = 0; at < bytes; ) {
      signal?.throwIfAborted();
      const { bytesRead } = await source.read(block, 0, Math.min(block.length, bytes - at), at);
      if (bytesRead === 0) break; // shorter than it was: whoever reads the copy says so
      for (let done = 0; done < bytesRead; ) done += (await target.write(block.subarray(done, bytesRead))).bytesWritten;
      at += bytesRead;
    }
  } finally {
    await target.close();
  }
}

async function pinnedOf(pins: readonly Pin[], isMultiPart: boolean, options: PinAofOptions) {
  const release = async () => {
    for (const { path } of pins) await rm(path, { force: true });
  };
  try {
    const files: PinnedFile[] = [];
    for (const pin of pins) {
      const { name, seq, type, startOffset } = pin.file;
      const grows = pin === pins.at(-1) && (type === 'incr' || !isMultiPart);
      if (grows) options.onProgress?.(`looking for the last whole command of ${name}`);
      const bytes = grows ? await aofBoundary(pin.path, pin.bytes, { signal: options.signal }) : pin.bytes;
      files.push({ name, seq, type, path: pin.path, bytes, ...(startOffset === undefined ? {} : { startOffset }) });
    }
    const manifest = formatAofManifest(pins.map(({ file: { endOffset: _, ...file } }) => file));
    const form: PinnedAof['form'] = isMultiPart ? 'multi-part' : 'single-file';
    return { form, files, ...(isMultiPart ? { manifest } : {}), release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function replicationOf(client: RedisClient): Promise<PinnedAof['replication']> {
  const info = await client.info('replication');
  return { replid: info.get('master_replid') ?? '', offset: info.number('master_repl_offset') ?? 0 };
}

async function requireLog(client: RedisClient): Promise<void> {
  const info = await client.info('persistence');
  const where = describeConnection(client.connection);
  if (!info.flag('aof_enabled')) {
    throw new RecoveryError('PLATFORM_UNSUPPORTED', `${where} runs with appendonly no: it has no log to copy`, {
      next: 'Take a snapshot (backupSnapshot), or turn appendonly on.',
    });
  }
  if (info.get('aof_last_write_status') !== 'err') return;
  throw new RecoveryError('REDIS_NOT_READY', `${where} cannot write its append-only file, so writes are missing in it`, {
    next: 'Free space on the disk of Redis, then try again.',
  });
}

const notOurs = ({ dir }: AofPlace, cause: unknown): RecoveryError => notReadable(dir, cause);

const notReadable = (path: string, cause: unknown): RecoveryError =>
  new RecoveryError('PLATFORM_UNSUPPORTED', `${path} cannot be used from here: ${messageOf(cause)}`, {
    next: "Run a worker on its machine as Redis' user, or take a snapshot, which needs no files.",
    cause,
  });

const neverStill = (client: RedisClient): RecoveryError =>
  new RecoveryError(
    'REDIS_NOT_READY',
    `the log of ${describeConnection(client.connection)} was rewritten at each of ${ATTEMPTS} attempts`,
    { next: 'Find out who sends BGREWRITEAOF so often, then try again.' },
  );
