import { appendFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { openParts } from '../../worker/parts.ts';
import { itBehavesLikeAPlatform, type PlatformUnderTest } from './platform-conformance.ts';
import { writeFakeSystemctl } from './support/fake-systemctl.ts';
import { makeSite, type ProcessSite } from './support/process-site.ts';

const UNIT = 'redis-server.service';

async function openSite(
  startOf: (site: ProcessSite) => Promise<{ command: string[] } | { systemd: string }>,
  close: () => void = () => undefined,
): Promise<PlatformUnderTest> {
  const site = await makeSite(['logfile redis.log']);
  const start = await startOf(site);
  const connection = { host: '127.0.0.1', port: site.port };
  const platform = { type: 'process', host: 'here', hostIsNamed: true, configFile: site.configFile, start, noProgressMs: 60_000 };
  const parts = () => {
    const { control, files } = openParts({ platform, port: site.port } as never, 'here');
    if (!control || !files) throw new Error('a process has both');
    return { control: control.open(), files };
  };
  return {
    ...parts(),
    again: () => parts().control,
    connection,
    dataDirectory: site.dir,
    addToConf: (line) => appendFile(site.configFile, `\n${line}\n`),
    async [Symbol.asyncDispose]() {
      await parts()
        .control.stop()
        .catch(() => undefined);
      close();
      await site[Symbol.asyncDispose]();
      await rm(site.root, { recursive: true, force: true });
    },
  };
}

describe('A process that a command starts', function () {
  this.timeout(120_000);
  itBehavesLikeAPlatform(() => openSite(async ({ binary, configFile }) => ({ command: [binary, configFile] })));
});

describe('A process that systemd starts', function () {
  this.timeout(120_000);
  const path = process.env.PATH;
  itBehavesLikeAPlatform(() =>
    openSite(
      async ({ root, binary, configFile }) => {
        await writeFakeSystemctl(root, UNIT, [binary, configFile]);
        await writeFile(join(root, 'calls'), '');
        process.env.PATH = `${root}${delimiter}${path}`;
        return { systemd: UNIT };
      },
      () => {
        process.env.PATH = path;
      },
    ),
  );
});
