import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { OtherStart } from '../../model/restore/next-start.ts';
import { cwdOf, type ProcessEntry, pidsOf } from '../host/process-table.ts';
import type { ServerSaid } from '../platform.ts';
import { splitCommand } from '../redis-conf.ts';
import { isSameFile, unlessAmbiguous } from './identify.ts';
import type { LocalRedis } from './local-redis.ts';
import { isKnownWrapper, serverAt } from './start-user.ts';

type Started = Pick<LocalRedis, 'starter' | 'conf' | 'fileOf'>;

/** See Control.otherStart. */
export async function otherStart(redis: Started, said: ServerSaid = {}): Promise<OtherStart | undefined> {
  const { command, cwd } = await redis.starter.commandLine();
  const configured = redis.fileOf(command, cwd);
  const why = await startsWithOther(command, cwd, configured);
  if (why !== undefined) return another(why, SAME_FILE);
  const obstacle = await redis.starter.obstacle?.().catch(() => undefined); // a redis.conf that cannot be read: who tries the start says so
  const missing = obstacle && another(obstacle.why, obstacle.next);
  const conf = await redis.conf().catch(() => undefined); // the same
  const running = conf && (await redis.starter.find().catch(unlessAmbiguous));
  if (!running) return missing;
  if (await hasReadOther(running, said, configured)) {
    return another(`what runs has read ${said.configFile}, and ${configured ?? 'no redis.conf'} is configured`, SAME_FILE);
  }
  const { dir } = conf;
  if (!(await isHidden(running, dir))) return missing;
  return another(
    `something was mounted over ${dir} while it ran: process ${running.pid} keeps its data below that, and the next start would not find it`,
    `Take what is mounted there away (\`umount ${dir}\`). If it is to stay: back up, stop Redis by hand, and move its files there before it is started.`,
  );
}

const another = (why: string, next: string): OtherStart => ({ outcome: 'another', why, next });

const SAME_FILE =
  'Let platform.configFile and what starts Redis (platform.start.command, the unit) name the redis.conf that it runs with.';

/** What a script starts is not known. */
async function startsWithOther(command: readonly string[], cwd: string, configured?: string): Promise<string | undefined> {
  const at = serverAt(command);
  if (at < 0 || (at > 0 && !isKnownWrapper(command[0])) || configured === undefined) return undefined;
  const named = splitCommand(command).configFile;
  const starts = named === undefined ? undefined : resolve(cwd, named);
  if (await isSameFile(starts, configured)) return undefined;
  return `what starts it reads ${starts ?? 'no redis.conf'}, and platform.configFile is ${configured}`;
}

/** One that is gone since, or is another's path (in a container), proves nothing; nor does a start without a file. */
async function hasReadOther({ pid }: ProcessEntry, said: ServerSaid, configured?: string): Promise<boolean> {
  const { configFile } = said;
  const pids = (await pidsOf(pid)) ?? [pid];
  if (!configFile || pids.length > 1 || said.pid !== pid || (await isSameFile(configFile, configured))) return false;
  return (await stat(configFile).catch(() => undefined)) !== undefined;
}

/** Redis stands in its data directory: by the same path it is another one. */
async function isHidden({ pid }: ProcessEntry, dir: string): Promise<boolean> {
  const [stands, home] = await Promise.all([`/proc/${pid}/cwd`, dir].map((path) => stat(path).catch(() => undefined)));
  if (!stands || !home || (stands.dev === home.dev && stands.ino === home.ino)) return false;
  return isSameFile(await cwdOf(pid), dir);
}
