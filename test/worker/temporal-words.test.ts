import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { RecoveryError } from '../../model/errors.ts';
import { errorOfTemporal, unreachable } from '../../worker/temporal-errors.ts';

/** Words that gRPC and its libraries have for their authors. */
const RAW = /tonic|TransportError|transport error|deadline|DEADLINE|hyper|Os \{|metadata|RST_STREAM|No connection established/i;
const PATIENCE_MS = 1_000;

const server = async (said?: string) => {
  const open = createServer((socket) => {
    socket.on('error', () => undefined);
    if (said === undefined) socket.destroy();
    else socket.write(said);
  }).listen(0, '127.0.0.1');
  await once(open, 'listening');
  return { address: `127.0.0.1:${(open.address() as AddressInfo).port}`, [Symbol.dispose]: () => open.close() };
};

const thrown = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail('it was answered'),
    (error) => error,
  );

describe('What the libraries of Temporal say', function () {
  this.timeout(60_000);
  const CASES: [what: string, said: string | undefined | null, native: RegExp][] = [
    ['a port where nobody listens', null, /nothing listens there/],
    ['a server that hangs up', undefined, /the connection was lost/],
    ['one that speaks something else', 'hello what\r\n\r\n', /does not answer: [a-zA-Z ]+$/],
  ];
  for (const [what, said, native] of CASES)
    it(`never reaches a person raw: ${what}`, async () => {
      using there = said === null ? await closed() : await server(said);
      const { address } = there;
      const connect = await thrown(Connection.connect({ address, connectTimeout: PATIENCE_MS }));
      const lazy = Connection.lazy({ address });
      const asking = new Client({ connection: lazy }).workflow.getHandle('x');
      const asked = await thrown(lazy.withDeadline(Date.now() + PATIENCE_MS, () => asking.describe()));
      const ofWorker = await thrown(NativeConnection.connect({ address }));
      const errors = [unreachable(address, connect), errorOfTemporal(asked) as RecoveryError, unreachable(address, ofWorker)];
      for (const { code, message } of errors) {
        assert.equal(code, 'TEMPORAL_UNREACHABLE');
        assert.doesNotMatch(message, RAW);
      }
      assert.match(errors[2]?.message ?? '', native);
      await lazy.close();
    });
});

async function closed() {
  const there = await server();
  there[Symbol.dispose]();
  return there;
}
