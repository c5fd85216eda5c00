import assert from 'node:assert/strict';
import { instanceOf, parseConfig, shardOf } from '../../config/load.ts';
import { targetOf } from '../../config/target.ts';
import { RecoveryError } from '../../model/errors.ts';

const PROCESS = 'type: process, configFile: /etc/redis.conf, start: { systemd: redis.service }';

const read = (url: string, fields: Record<string, string> = {}) => {
  const lines = Object.entries({ url, ...fields }).map(([name, value]) => `    ${name}: ${value}\n`);
  return parseConfig(`repository: { url: file:///backups }\ninstances:\n  main:\n${lines.join('')}`, 'c.yaml');
};
const redisOf = (...args: Parameters<typeof read>) => shardOf(instanceOf(read(...args), 'main'), undefined).redis;
const refusalOf = (...args: Parameters<typeof read>): string => {
  try {
    return JSON.stringify(redisOf(...args));
  } catch (error) {
    assert.ok(error instanceof RecoveryError, String(error));
    return error.message;
  }
};

describe('The url of a Redis that is a Unix socket', () => {
  it('is a path on the machine of whoever connects, with or without the empty host', () => {
    for (const url of ['unix:///run/redis/redis.sock', 'unix:/run/redis/redis.sock']) {
      const config = read(url, { username: 'backup', password: '{ env: P }' });
      assert.equal(instanceOf(config, 'main').shards[0]?.redis.socketPath, '/run/redis/redis.sock');
      const target = targetOf(config, 'main', 'worker');
      assert.deepEqual([target?.address, target?.host], ['unix:/run/redis/redis.sock', config.worker.host]);
    }
  });

  for (const [what, url, why] of [
    ['a host', 'unix://run/redis.sock', /has a host; a socket is a path .*: unix:\/\/\/run\/redis\.sock/],
    ['no path', 'unix:///', /names no socket by an absolute path/],
    ['a relative path', 'unix:redis.sock', /names no socket by an absolute path/],
    ['a database number', 'unix:///run/redis.sock?db=2', /has options after the path/],
    ['a password', 'unix://:secret@/run/redis.sock', /allowed: redis:\/\/host:port/],
    ['what a url writes otherwise', '"unix:///run/re dis.sock"', /has a character in its path that a url does not take/],
    ['more than a socket can be called', `unix:///${'r'.repeat(110)}`, /is longer than 107 bytes/],
  ] as const) {
    it(`is refused with ${what}`, () => assert.match(refusalOf(url), why));
  }

  it('has no TLS', () => {
    assert.match(refusalOf('unix:///run/redis.sock', { tls: '{}' }), /main\.tls needs a url that begins with rediss:\/\//);
  });
});

describe('platform.socket', () => {
  it('is where Redis itself listens, behind what the url is of', () => {
    const { host, port, own } = redisOf('rediss://10.0.0.7:6380', { platform: `{ ${PROCESS}, socket: /run/redis.sock }` });
    assert.deepEqual([host, port, own], ['10.0.0.7', 6380, { socketPath: '/run/redis.sock' }]);
  });

  it('excludes platform.port', () => {
    const platform = `{ ${PROCESS}, socket: /run/redis.sock, port: 6379 }`;
    assert.match(refusalOf('redis://10.0.0.7', { platform }), /main\.platform\.socket is beside port; one of the two says/);
  });
});
