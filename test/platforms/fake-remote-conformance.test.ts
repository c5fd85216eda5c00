import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fakeRemote } from '../support/fake-remote.ts';
import { itBehavesLikeAPlatform } from './platform-conformance.ts';
import { makeSite } from './support/process-site.ts';

describe('A platform whose control and files are apart', function () {
  this.timeout(120_000);
  itBehavesLikeAPlatform(async () => {
    const site = await makeSite(['logfile redis.log']);
    const home = join(site.root, 'fake-remote');
    const start = { command: [site.binary, site.configFile], cwd: '/', logFile: undefined };
    const platform = {
      type: 'process',
      host: 'here',
      hostIsNamed: true,
      configFile: site.configFile,
      start,
      noProgressMs: 60_000,
    };
    const parts = () => {
      const { control, files } = fakeRemote({ home }, platform as never, { port: site.port });
      if (!control || !files) throw new Error('it has both');
      return { control: control.open(), files };
    };
    const opened = parts();
    await writeFile(join(home, 'volume'), site.dir);
    return {
      ...opened,
      again: () => parts().control,
      connection: { host: '127.0.0.1', port: site.port },
      dataDirectory: site.dir,
      addToConf: (line) => appendFile(site.configFile, `\n${line}\n`),
      async [Symbol.asyncDispose]() {
        await opened.control.stop().catch(() => undefined);
        await site[Symbol.asyncDispose]();
      },
    };
  });
});
