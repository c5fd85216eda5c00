import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { RecoveryError } from '../../model/errors.ts';
import { S3Store } from '../../repository/stores/s3.ts';

/** Words that the SDK has for its authors. */
const RAW = /UnknownError|Unknown:|Deserialization|@aws-sdk|\$response|hang up|Parse Error|openssl|TimeoutError/i;

const http = (status: number, body: string, type: string): Server =>
  createHttpServer((_, answer) => {
    answer.writeHead(status, { 'content-type': type });
    answer.end(body);
  });
const tcp = (said: string | undefined): Server =>
  createServer((socket) => {
    socket.on('error', () => undefined);
    if (said === undefined) socket.destroy();
    else socket.on('data', () => socket.write(said));
  });

const CASES: [what: string, open: () => Server, scheme?: string][] = [
  ['a server that hangs up', () => tcp(undefined)],
  ['one that speaks something else', () => tcp('hello what\r\n\r\n')],
  ['one without TLS', () => tcp('hello what\r\n\r\n'), 'https'],
  ['one that never answers', () => tcp('')],
  ['500 without a word', () => http(500, '', 'text/plain')],
  ['503 with half an answer', () => http(503, '<x', 'application/xml')],
  ['200 with what is no XML', () => http(200, 'no xml', 'application/xml')],
  ['400 with JSON', () => http(400, '{"a":1}', 'application/json')],
  ['403 without a word', () => http(403, '', 'text/plain')],
];

describe('What the SDK of a store says', function () {
  this.timeout(60_000);
  for (const [what, open, scheme = 'http'] of CASES)
    it(`never reaches a person raw: ${what}`, async () => {
      const server = open().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const credentials = { accessKeyId: 'access-key', secretAccessKey: 'secret-key' };
      const place = { kind: 's3', bucket: 'b', prefix: 'p', region: 'us-east-1', forcePathStyle: true, credentials } as const;
      const tuning = { idleMs: 500, connectMs: 500, retryForMs: 100 };
      const store = new S3Store({ ...place, endpoint: `${scheme}://127.0.0.1:${port}` }, tuning);
      try {
        for (const ask of [() => store.get('a'), () => store.head('a'), () => store.listNames('')]) {
          const error = await ask().then(
            () => assert.fail('it was answered'),
            (thrown: unknown) => thrown,
          );
          assert.ok(error instanceof RecoveryError, String(error));
          assert.doesNotMatch(`${error.message} ${error.next}`, RAW);
        }
      } finally {
        store.close();
        server.close();
      }
    });
});
