import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { main, type Surroundings } from '../../../cli/program.ts';
import type { SnapshotManifest } from '../../../model/backup/manifest.ts';
import { Repository } from '../../../repository/repository.ts';
import { openStore } from '../../support/open-store.ts';

/** What one call of the command said. */
export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** Everything that is written, as text. */
export class Captured extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 120;

  constructor({ isTTY = false } = {}) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk;
    done();
  }
}

export type Options = Partial<Omit<Surroundings, 'streams'>> & { stderr?: Captured };

/** Runs `redis-backup` in this process. */
export async function run(args: readonly string[], { stderr = new Captured(), ...surroundings }: Options = {}): Promise<Said> {
  const stdout = new Captured();
  const code = await main(args, { interrupt: new AbortController().signal, ...surroundings, streams: { stdout, stderr } });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** A directory with a configuration and a repository of its own. */
export interface Site extends AsyncDisposable {
  dir: string;
  configFile: string;
  repository: Repository;
  run(args: string, options?: Options): Promise<Said>;
  /** The result line of a call with --json. */
  json<T>(args: string, options?: Options): Promise<T & { code: number }>;
  /** Manifests with objects beside them that have only the right size. */
  publish(...manifests: SnapshotManifest[]): Promise<void>;
}

/** @param yaml - what follows `repository:` in the configuration */
export async function openSite(yaml = 'instances: { main: { url: redis://127.0.0.1:1 } }'): Promise<Site> {
  const dir = await mkdtemp(join(tmpdir(), 'redis-backup-cli-'));
  const configFile = join(dir, 'redis-backup.yaml');
  await writeFile(configFile, `repository: { url: "file://${dir}" }\n${yaml}\n`);
  const repository = new Repository(openStore({ kind: 'file', directory: dir }));
  const plain = (text: string) => text.replaceAll(` --config ${configFile}`, ''); // each printed command has it, see output.test.ts
  const call = async (args: string, options?: Options): Promise<Said> => {
    const { code, stdout, stderr } = await run([...args.split(' '), '--config', configFile], options);
    return { code, stdout: plain(stdout), stderr: plain(stderr) };
  };
  return {
    dir,
    configFile,
    repository,
    run: call,
    async json(args, options) {
      const { code, stdout, stderr } = await call(`${args} --json`, options);
      const last = stdout.trimEnd().split('\n').at(-1);
      if (!last) throw new Error(`no result: ${stderr}`);
      return { ...JSON.parse(last), code };
    },
    async publish(...manifests) {
      for (const manifest of manifests) {
        const { instance, shard, backupId, stored } = manifest;
        const body = Readable.from([Buffer.alloc(stored.bytes)]);
        await repository.store.put(`${instance}/${shard}/snapshots/${backupId}/${stored.file}`, body);
        await repository.snapshots(manifest).publish(manifest);
      }
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}
