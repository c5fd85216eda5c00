import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { RecoveryError } from '../../model/errors.ts';
import { pidsOf, readProcess } from '../host/process-table.ts';
import type { SameServer, ServerSaid } from '../platform.ts';
import type { RedisConf } from '../redis-conf.ts';
import { pidFrom } from './find-redis.ts';
import type { Starter } from './starter.ts';

interface Managed {
  starter: Pick<Starter, 'find'>;
  conf(): Promise<RedisConf>;
  identity(): Promise<{ configFile?: string | undefined; pidFile?: string | undefined }>;
  /** The port that the instance is reached at. */
  port?: number | undefined;
}

/**
 * Whether the server that answers is the process that is managed here: by its pid, in whatever PID namespace it counts itself; where
 * that is not to be seen by its redis.conf. One reason is enough, and the most telling first: pid, port, directory.
 */
export async function identify(managed: Managed, said?: ServerSaid): Promise<SameServer> {
  if (said === undefined) return identifySilent(managed);
  const found = await compare(managed, said);
  if (found.same !== 'no') return found;
  const ofOurFile = await isSameFile(said.configFile, await fileOf(managed));
  return { ...found, isSure: !ofOurFile && said.pid !== undefined && (await isServerHere(said.pid)) };
}

/** By the process that listens there: it stands elsewhere, has nothing of ours open, and our pid file does not name it. */
async function identifySilent({ starter, conf, identity }: Managed): Promise<SameServer> {
  const unknown = { same: 'unknown', why: 'it does not let us in, and its process does not tell' } as const;
  const running = await starter.find().catch(unlessAmbiguous);
  if (!running) return unknown;
  const [{ dir }, { configFile, pidFile }] = await Promise.all([conf(), identity()]);
  const elsewhere = await elsewhereOf(dir, running.pid, {});
  if (!elsewhere || (await pidFrom(pidFile)) === running.pid || (await hasOpenIn(running.pid, dir))) return unknown;
  const why = `process ${running.pid}, which stands in ${elsewhere.its}, answers and does not let us in, and ${configFile ?? 'a Redis'} with ${elsewhere.ours} is configured`;
  return { same: 'no', why, isSure: await isServerHere(running.pid) };
}

/** One that may not be looked at may have. */
async function hasOpenIn(pid: number, dir: string): Promise<boolean> {
  const [home, names] = [await real(dir), await readdir(`/proc/${pid}/fd`).catch(() => undefined)];
  if (!names) return true;
  const paths = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  return paths.some((path) => path.startsWith(`${home}/`));
}

const fileOf = ({ identity }: Managed): Promise<string | undefined> =>
  identity().then(
    ({ configFile }) => configFile,
    () => undefined,
  );

async function compare(managed: Managed, said: ServerSaid): Promise<SameServer> {
  const { starter, conf, port } = managed;
  const running = await starter.find().catch(unlessAmbiguous);
  const configFile = await fileOf(managed);
  const its = said.configFile ? ` of ${said.configFile}` : '';
  const pids = running && ((await pidsOf(running.pid)) ?? [running.pid]);
  if (pids && said.pid !== undefined && !pids.includes(said.pid))
    return no(`process ${said.pid}${its} answers, and that of ${configFile ?? 'the configuration'} is process ${running.pid}`);
  if (said.port !== undefined && port !== undefined && said.port !== port)
    return no(`it says port ${said.port}, and ${port} is configured (platform.port, where something stands before it)`);
  if (said.dir !== undefined) {
    const { dir } = await conf();
    if ((await real(said.dir)) !== (await real(dir)))
      return no(`it keeps its data in ${said.dir}, and the configuration file says ${dir}`);
  }
  if (pids && said.pid !== undefined) {
    if (pids.length > 1 || configFile === undefined || (await isSameFile(said.configFile, configFile))) return { same: 'yes' };
    const elsewhere = await elsewhereOf((await conf()).dir, running.pid, said);
    if (elsewhere === undefined) return { same: 'yes' };
    const stranger = `process ${said.pid}${its} answers, with its data in ${elsewhere.its}`;
    return no(`${stranger}, and ${configFile} with ${elsewhere.ours} is configured`);
  }
  if (!said.configFile || configFile === undefined) return { same: 'unknown', why: 'its process cannot be seen' };
  if (await isSameFile(said.configFile, configFile)) return { same: 'yes' };
  return no(`process ${said.pid ?? ''}${its} answers, and ${configFile} is configured`);
}

const no = (why: string): SameServer => ({ same: 'no', why, isSure: false });

/**
 * Where a process keeps its data, if that is surely another directory than the one of our redis.conf. It proves nothing alone:
 * `dir` may have been set while it ran.
 */
async function elsewhereOf(
  ours: string,
  pid: number,
  { askDir }: ServerSaid,
): Promise<{ its: string; ours: string } | undefined> {
  const stands = await stat(`/proc/${pid}/cwd`).catch(() => undefined); // of another user we may not know
  const home = await stat(ours).catch(() => undefined);
  if (stands && home && stands.dev === home.dev && stands.ino === home.ino) return undefined;
  const its = (await askDir?.()) ?? (stands && (await real(`/proc/${pid}/cwd`)));
  if (its === undefined || (await real(its)) === (await real(ours))) return undefined;
  return { its, ours };
}

/** A number that a container says is that of another process here, or of none. */
async function isServerHere(pid: number): Promise<boolean> {
  const [found, pids] = await Promise.all([readProcess(pid), pidsOf(pid)]);
  return found !== undefined && pids?.length === 1 && /(?:redis|valkey)-server/.test(`${found.name} ${found.args[0] ?? ''}`);
}

/** Which of several it is cannot be told. */
export function unlessAmbiguous(error: unknown): undefined {
  if (error instanceof RecoveryError && error.code === 'TARGET_IDENTITY') return undefined;
  throw error;
}

/** Links are followed. */
export const isSameFile = async (one: string | undefined, other: string | undefined): Promise<boolean> =>
  one !== undefined && one !== '' && other !== undefined && (await real(one)) === (await real(other));

const real = async (path: string): Promise<string> => (await realpath(path).catch(() => path)).replace(/\/+$/, '') || '/';
