/** scripts/demo: a backup, two disasters undone and a recovery, told step by step. Exit code 0 only if every step held. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { messageOf } from '../../model/errors.ts';
import { Narrator } from './narrator.ts';
import { play, type Summary } from './play.ts';
import { type Place, prepareWorld, processes, type World } from './world.ts';

interface Options {
  place: Place;
  keys: number;
  keep: boolean;
  json: boolean;
}

function usage(message: string): never {
  console.error(`error: ${message}\nnext: See scripts/demo --help`);
  process.exit(2);
}

function readOptions(directory: string): Options {
  const { values, positionals } = parse();
  const [url = `file://${join(directory, 'repository')}`, ...more] = positionals;
  if (!/^(s3|file):\/\//.test(url)) usage(`"${url}" is neither s3://bucket/prefix nor file:///directory`);
  if (more.length > 0) usage(`one repository is enough: ${positionals.join(' ')}`);
  const keys = Number(values.keys);
  if (!Number.isSafeInteger(keys) || keys < 100) usage(`--keys is "${values.keys}", and must be a whole number from 100 on`);
  const endpoint = values.endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  return {
    place: { url, ...(url.startsWith('s3:') && endpoint ? { endpoint } : {}) },
    keys,
    keep: values.keep,
    json: values.json,
  };
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        endpoint: { type: 'string' },
        keys: { type: 'string', default: '50000' },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return usage(messageOf(error));
  }
}

/** Ends what was started, and nothing else. */
async function end(world: World): Promise<void> {
  const left = () => processes(world);
  for (const { pid } of left()) kill(pid, 'SIGTERM');
  for (let waited = 0; left().length > 0 && waited < 10_000; waited += 100) await sleep(100);
  for (const { pid } of left()) kill(pid, 'SIGKILL');
  rmSync(world.directory, { recursive: true, force: true, maxRetries: 5 });
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended meanwhile, which is what we want
  }
}

function sayWhatStays(narrator: Narrator, world: World): void {
  const left = processes(world);
  narrator.say(`
Everything runs on: ${left.map(({ name, pid }) => `${name} (${pid})`).join(', ')}.
  export REDIS_BACKUP_CONFIG=${world.config}
  cli/redis-backup status
End it with:
  kill ${left.map(({ pid }) => pid).join(' ')} && rm -r ${world.directory}`);
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'redis-backup-demo-'));
  process.once('exit', () => {
    if (!options?.keep) rmSync(directory, { recursive: true, force: true });
  });
  const options: Options | undefined = readOptions(directory);
  const { place, keys, keep, json } = options;
  if (place.url.startsWith('file://')) mkdirSync(new URL(place.url).pathname, { recursive: true });
  const world = await prepareWorld(directory, place);
  const environment = { REDIS_BACKUP_CONFIG: world.config, TEMPORAL_ADDRESS: world.temporal.address };
  const narrator = new Narrator({ json, environment });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void end(world).then(() => process.exit(130)));
  }

  let result: ({ ok: true } & Summary) | { ok: false; error: string };
  try {
    result = { ok: true, ...(await play(world, narrator, { keys, place })) };
  } catch (error) {
    result = { ok: false, error: messageOf(error) };
    narrator.say(`\nThe demo failed: ${messageOf(error)}`);
    if (process.env.REDIS_BACKUP_DEBUG && error instanceof Error) narrator.say(error.stack ?? '');
  }
  if (keep) sayWhatStays(narrator, world);
  else {
    narrator.say('\nThe demo ends all of this now; with --keep it stays, pages and all.');
    await end(world);
  }
  if (json) console.log(JSON.stringify(result));
  process.exitCode = result.ok ? 0 : 1;
}

await main();
