import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { breachesIn, ROOMS } from './support/arrows.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('the arrows between the rooms', () => {
  for (const room of Object.keys(ROOMS)) {
    it(`hold in ${room}/`, () => {
      const files = globSync(`${room}/**/*.ts`, { cwd: root }).sort();
      assert.ok(files.length > 0, `${room}/ has no source: was it renamed?`);
      assert.deepEqual(
        files.flatMap((file) => breachesIn(file, readFileSync(join(root, file), 'utf8'))),
        [],
      );
    });
  }

  it('know no platform by its kind but where it is configured and opened', () => {
    const files = Object.keys(ROOMS).flatMap((room) => globSync(`${room}/**/*.ts`, { cwd: root }));
    const asks = /[!=]==?\s*'(?:process|kubernetes|external)'/;
    const asking = files.filter((file) => asks.test(readFileSync(join(root, file), 'utf8')));
    assert.ok(asking.includes('config/from-raw.ts'), 'the pattern is stale');
    assert.deepEqual(
      asking.filter((file) => !/^(?:config|platforms)\//.test(file)),
      [],
    );
  });

  const breaches: [string, string, string][] = [
    ['a room that imports its neighbour', 'redis/x.ts:1', "import { Repository } from '../repository/repository.ts';"],
    ['a breach from a folder further down', 'redis/rdb/x.ts:2', "\nimport type { S } from '../../repository/stores/s3.ts';"],
    ['the raw store of a repository', 'cli/x.ts:1', "import { FileStore } from '../repository/stores/file.ts';"],
    ['a re-export', 'probes/x.ts:1', "export * from '../platforms/platform.ts';"],
    ['a re-export of types', 'probes/x.ts:1', "export type { Platform } from '../platforms/platform.ts';"],
    ['an import over several lines', 'platforms/x.ts:2', "// why\nimport {\n  a,\n  b as c,\n} from '../config/load.ts';"],
    ['an import for its effect', 'config/x.ts:1', "import '../redis/client/client.ts';"],
    ['a dynamic import', 'repository/x.ts:3', "const a = 1;\nconst b = 2;\nconst c = await import('../redis/client/client.ts');"],
    ['a type by import()', 'model/x.ts:1', "export type A = import('../redis/client/client.ts').RedisClient;"],
    ['an import that is computed', 'activities/x.ts:1', 'const a = await import(name);'],
    ['Temporal in a room that must not know it', 'redis/x.ts:1', "import { Context } from '@temporalio/activity';"],
    ["one room's library in another", 'activities/x.ts:1', "import { Redis } from 'ioredis';"],
    ["one platform's library beside it", 'platforms/x.ts:1', "import { CoreV1Api } from '@kubernetes/client-node';"],
    ['Node in model', 'model/x.ts:1', "import { createHash } from 'node:crypto';"],
    ['Node in a workflow', 'workflows/x.ts:1', "import type { Readable } from 'node:stream';"],
    [
      'activities that a workflow imports as values',
      'workflows/x.ts:1',
      "import { takeSnapshot } from '../activities/backup/snapshot.ts';",
    ],
    ['one value among types', 'workflows/x.ts:1', "import { type A, b } from '../activities/backup/snapshot.ts';"],
    ['tests that a room imports', 'redis/x.ts:1', "import { freePort } from '../test/support/temporal.ts';"],
    ['a clock in model', 'model/x.ts:1', 'export const age = (ms: number) => Date.now() - ms;'],
    ['another clock in model', 'model/x.ts:1', 'const now = new Date();'],
    ['chance in model', 'model/x.ts:1', 'const id = Math.random();'],
    ['a word in a template that the sandbox lacks', 'workflows/x.ts:1', 'const a = `in $' + '{process.pid}`;'],
    ['a word after a regular expression with quotes', 'model/x.ts:1', 'const a = /["\'`/]/.test(b) ? Buffer.alloc(1) : c;'],
    ['one platform, where all could be meant', 'cli/x.ts:1', "import { findRedis } from '../platforms/process/find-redis.ts';"],
    ['a folder that is no room', 'helpers/x.ts', ''],
  ];
  for (const [what, where, source] of breaches) {
    it(`are found broken by ${what}`, () => {
      const found = breachesIn(where.split(':')[0] ?? '', source);
      assert.equal(found.length, 1, found.join('\n'));
      assert.ok(found[0]?.startsWith(`${where}: `), `${found[0]} should be about ${where}`);
    });
  }

  it('let pass what only looks like a breach', () => {
    const innocent = [
      "// import { x } from '../redis/client/client.ts'; Date.now()",
      "export const text = 'use Buffer or process';",
      'export const note = `import $' + "{'x'} from '../redis/client/client.ts'`;",
      'const pattern = /import \'fetch\' from "redis"/;',
      'const half = total / 2 / process_count;',
      'const at = new Date(ms).toISOString();',
      'const plan = { process: 1, crypto: 2 };',
      "if (plan.process > 1) export_('../redis/client/client.ts');",
      "export const from = ['../redis/client/client.ts'];",
      "export { a };\nconst b = 'x';",
      "import type { Census } from './census.ts';",
    ].join('\n');
    assert.deepEqual(breachesIn('model/x.ts', innocent), []);
    assert.deepEqual(breachesIn('workflows/x.ts', "import type { A } from '../activities/a.ts';\nconst now = Date.now();"), []);
  });
});
