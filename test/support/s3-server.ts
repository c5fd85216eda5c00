import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { findBinary } from './binaries.ts';

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** An S3 location, of the shape that openStore takes. */
export interface S3Location {
  kind: 's3';
  bucket: string;
  prefix: string;
  endpoint: string;
  region: string;
  forcePathStyle: true;
  credentials: S3Credentials;
}

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly port: number;
  readonly credentials: S3Credentials;
  readonly pid: number;
  /** Everything of this server; objects are plain files under `<dir>/data/<bucket>/<key>`. */
  readonly dir: string;
  /** Creates the bucket if it isn't there, and returns its name. */
  bucket(name: string): Promise<string>;
  /** A place in the bucket `backups`, which exists from the start. */
  location(prefix: string): S3Location;
  /** Makes a user who owns nothing, so that every bucket of ours is forbidden to them. */
  addUser(accessKeyId: string, secretAccessKey: string): Promise<S3Credentials>;
  /** Begins anew with other keys of its owner: the old ones are refused. */
  rotate(credentials: S3Credentials): Promise<void>;
  /** Stops the process (it may be started again with `start`), keeping its data. */
  pause(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its directory. */
  stop(): Promise<void>;
}

const BUCKET = 'backups';
const REGION = 'us-east-1';
const READY_WITHIN_MS = 20_000;

/**
 * Starts a real S3 server (versitygw) on a free port in a directory of its own.
 * @param ip - address of this machine that it listens on
 */
export async function startS3(ip = '127.0.0.1'): Promise<S3Server> {
  const binary = findBinary('versitygw');
  const dir = await mkdtemp(join(tmpdir(), 'redis-backup-s3-'));
  for (const folder of ['data', 'iam']) await mkdir(join(dir, folder));
  const port = await freePort();
  const endpoint = `http://${ip}:${port}`;
  let credentials = { accessKeyId: 'testing', secretAccessKey: 'testing-secret' };
  // A copy: the SDK writes into the object that it is given.
  const client = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: async () => ({ ...credentials, expiration: new Date() }),
    maxAttempts: 1,
  });
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    child = spawnServer(binary, dir, `${ip}:${port}`, credentials);
    await untilReady(client, child, dir);
  };
  const pause = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, 'exit');
    running.kill('SIGKILL'); // nothing of it is worth a clean end
    await gone;
  };
  const stop = async (): Promise<void> => {
    await pause();
    client.destroy();
    await rm(dir, { recursive: true, force: true });
  };
  const bucket = async (name: string): Promise<string> => {
    await client.send(new CreateBucketCommand({ Bucket: name })).catch((error: Error) => {
      if (!error.name.startsWith('BucketAlready')) throw error;
    });
    return name;
  };

  try {
    await start();
    await bucket(BUCKET);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint,
    port,
    get credentials() {
      return credentials;
    },
    dir,
    get pid() {
      return child?.pid ?? 0;
    },
    bucket,
    location: (prefix) => ({ kind: 's3', bucket: BUCKET, prefix, endpoint, region: REGION, forcePathStyle: true, credentials }),
    addUser: (accessKeyId, secretAccessKey) => addUser(binary, endpoint, credentials, { accessKeyId, secretAccessKey }),
    rotate: async (keys) => {
      await pause();
      credentials = keys;
      await start();
    },
    pause,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function spawnServer(binary: string, dir: string, listen: string, credentials: S3Credentials): ChildProcess {
  const log = openSync(join(dir, 'log'), 'a');
  const own = ['--port', listen, '--quiet', '--keep-alive', '--iam-dir', join(dir, 'iam')];
  const child = spawn(binary, [...own, 'posix', join(dir, 'data')], {
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, ROOT_ACCESS_KEY: credentials.accessKeyId, ROOT_SECRET_KEY: credentials.secretAccessKey },
  });
  closeSync(log);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill); // a test run that dies must not leave a server behind
  child.once('exit', () => process.removeListener('exit', kill));
  return child;
}

async function untilReady(client: S3Client, child: ChildProcess, dir: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      await client.send(new ListBucketsCommand({}));
      return;
    } catch (error) {
      if (child.exitCode !== null || Date.now() > deadline) {
        const log = readFileSync(join(dir, 'log'), 'utf8').slice(-2000);
        throw new Error(`the S3 server did not start:\n${log}`, { cause: error });
      }
      await sleep(20);
    }
  }
}

async function addUser(binary: string, endpoint: string, root: S3Credentials, user: S3Credentials): Promise<S3Credentials> {
  const admin = ['admin', '-a', root.accessKeyId, '-s', root.secretAccessKey, '-er', endpoint];
  const create = ['create-user', '-a', user.accessKeyId, '-s', user.secretAccessKey, '-r', 'user'];
  await promisify(execFile)(binary, [...admin, ...create]);
  return user;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}
