/** `npm run bench -- backup|restore|archive|live|recovery`: how fast, how large, how much memory, beside what others need for the same. */
import { parseArgs } from 'node:util';
import { benchArchive } from './archive.ts';
import { benchBackup, benchMemory } from './backup.ts';
import { benchLive } from './live.ts';
import { benchRecovery } from './recovery.ts';
import { type BenchOptions, toJson, toText } from './report.ts';
import { benchRestore } from './restore.ts';

const HELP = `npm run bench -- backup    snapshot of a loaded Redis to a local S3 server
npm run bench -- restore   from that S3 server to a Redis that has loaded it
npm run bench -- archive   writes to a Redis with and without the continuous log, and how far that is behind
npm run bench -- live      restore into a running Redis that is read all the time, beside its own load from disk
npm run bench -- recovery  the runbook after kill -9, with its worker killed and with a damaged log, beside a start by hand

  --keys N              keys in the Redis, in the shapes of the data classes (2000000; recovery: 200000)
  --runs N              runs of each contender, in turn; medians are reported (3)
  --json                one line of JSON: name, ours, peers, ratio
  --uncompressed-fork   backup: with rdbcompression off at the moment of the fork
  --memory              backup: peak memory of the worker for 100 MB and for 1 GB of data
  --pipeline            without Temporal; backup: what each stage adds
  --cpu-prof            also say which functions the main thread was in

Needs redis-server, redis-cli, redis-benchmark (archive), versitygw and temporal (scripts/setup --with-s3); wal-g joins in when it is on PATH.`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      keys: { type: 'string' },
      runs: { type: 'string', default: '3' },
      json: { type: 'boolean', default: false },
      'uncompressed-fork': { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      pipeline: { type: 'boolean', default: false },
      'cpu-prof': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const options: BenchOptions = {
    keys: positive(values.keys ?? (positionals[0] === 'recovery' ? '200000' : '2000000'), '--keys'),
    runs: positive(values.runs, '--runs'),
    pipeline: values.pipeline,
    uncompressedFork: values['uncompressed-fork'],
    cpuProf: values['cpu-prof'],
    note: (text) => console.error(text),
  };
  const backup = values.memory ? benchMemory : benchBackup;
  const bench = { backup, restore: benchRestore, archive: benchArchive, live: benchLive, recovery: benchRecovery }[
    positionals[0] ?? ''
  ];
  if (values.help || !bench || positionals.length > 1) {
    console.log(HELP);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const { report, about, goals } = await bench(options);
  console.log(values.json ? toJson(report) : toText(report, about, goals));
}

function positive(text: string, option: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  console.error(`${option} is "${text}", and must be a whole number above 0`);
  process.exit(2);
}

await main();
process.exit(); // connections that are kept alive would hold us
