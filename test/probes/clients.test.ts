import assert from 'node:assert/strict';
import type { ClientsProbe } from '../../probes/application-probe.ts';
import { parseClientList } from '../../probes/client-list.ts';
import { lookAtClients } from '../../probes/clients.ts';

const NOW = 1_760_000_000_000;

interface Shown {
  addr: string;
  name?: string;
  idle?: number;
  cmd?: string;
  flags?: string;
}

// As Redis 7.0.15 writes it.
const line = ({ addr, name = '', idle = 0, cmd = 'get', flags = 'N' }: Shown): string =>
  `id=3 addr=${addr} laddr=10.0.0.1:6379 fd=8 name=${name} age=${idle + 5} idle=${idle} flags=${flags} db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=26 qbuf-free=20448 argv-mem=10 multi-mem=0 rbs=16384 rbp=16384 obl=0 oll=0 omem=0 tot-mem=37658 events=r cmd=${cmd} user=default redir=-1 resp=2`;

const look = (probe: Omit<ClientsProbe, 'kind'>, shown: Shown[], secondsAgo = 30) =>
  lookAtClients({ kind: 'clients', ...probe }, parseClientList(`${shown.map(line).join('\n')}\n`), {
    sinceMs: NOW - secondsAgo * 1000,
    nowMs: NOW,
  });

describe('applications in CLIENT LIST', () => {
  it('are seen by address, IPv4, IPv6 and mapped', () => {
    const shown = [{ addr: '10.0.0.7:50123' }, { addr: '[2001:db8::5]:40000' }, { addr: '[::ffff:10.0.0.8]:1' }];
    const { seen, stragglers } = look({ addresses: ['10.0.0.7', '2001:db8:0::5', '10.0.0.8', '10.0.0.9'] }, shown);
    assert.deepEqual(seen, ['10.0.0.7', '2001:db8:0::5', '10.0.0.8']);
    assert.deepEqual(stragglers, ['10.0.0.9']);
  });

  it('are counted by different addresses in a network', () => {
    const shown = [{ addr: '10.1.0.1:1' }, { addr: '10.1.0.1:2' }, { addr: '10.1.7.2:1' }, { addr: '10.2.0.1:1' }];
    const { seen, stragglers } = look({ addresses: ['10.1.0.0/16'], expected: 4 }, shown);
    assert.deepEqual(seen, ['10.1.0.1', '10.1.7.2']);
    assert.deepEqual(stragglers, ['no. 3 of 4 in 10.1.0.0/16', 'no. 4 of 4 in 10.1.0.0/16']);
  });

  it('are seen by the names that they gave themselves', () => {
    const { seen, stragglers } = look({ clientNames: ['web-1', 'web-2'] }, [{ addr: '10.0.0.7:1', name: 'web-1' }]);
    assert.deepEqual([seen, stragglers], [['web-1'], ['web-2']]);
  });

  it('do not count before their first command, or with one from before the restart', () => {
    const shown = [
      { addr: '10.0.0.1:1', cmd: 'auth' }, // refused for its password, for instance
      { addr: '10.0.0.2:1', cmd: 'NULL' },
      { addr: '10.0.0.3:1', idle: 31 },
      { addr: '10.0.0.4:1', idle: 29 },
    ];
    const { seen, stragglers } = look({ addresses: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'] }, shown);
    assert.deepEqual(seen, ['10.0.0.4']);
    assert.deepEqual(
      stragglers,
      ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => `${address} (connected, but no command since)`),
    );
  });

  it('are not replicas, monitors or redis-backup itself', () => {
    const shown = [
      { addr: '10.0.0.1:1', flags: 'S', cmd: 'replconf' },
      { addr: '10.0.0.1:2', flags: 'O', cmd: 'monitor' },
      { addr: '10.0.0.1:3', name: 'redis-backup', cmd: 'info' },
      { addr: '10.0.0.1:4', cmd: 'client|list' },
    ];
    assert.deepEqual(look({ addresses: ['10.0.0.1'] }, shown).seen, []);
  });

  it('cannot be told behind a proxy, of which all have the address', () => {
    const addresses = ['10.0.0.1', '10.0.0.2'];
    const istio = [{ addr: '127.0.0.6:33333' }, { addr: '127.0.0.6:33334' }];
    assert.match(look({ addresses }, istio).unclear?.why ?? '', /all clients show the address 127\.0\.0\.6, as behind a proxy/);
    assert.match(look({ addresses }, [{ addr: '172.16.0.1:1' }, { addr: '172.16.0.1:2' }]).unclear?.why ?? '', /172\.16\.0\.1/);
  });

  it('cannot be told where as many as are missing come from one address, beside others and in their own network', () => {
    const from = (address: string, count: number) =>
      Array.from({ length: count }, (_, port) => ({ addr: `${address}:${port + 1}` }));
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
    const beside = look({ addresses }, [...from('172.16.0.1', 5), { addr: '192.0.2.7:1' }]);
    assert.match(beside.unclear?.why ?? '', /^5 clients are at work from 172\.16\.0\.1, which may be the 5 that are looked for/);
    const network = { addresses: ['10.0.0.0/24'], expected: 5 };
    assert.match(look(network, from('10.0.0.9', 5)).unclear?.why ?? '', /5 clients are at work from 10\.0\.0\.9/);
    assert.equal(look(network, from('10.0.0.9', 3)).unclear, undefined, 'too few to be they');
    assert.equal(
      look({ addresses }, [...from('172.16.0.1', 5), { addr: '10.0.0.1:1' }]).unclear,
      undefined,
      'one is there by itself',
    );
  });

  it('are missing, and that can be told, when nobody or only others are there', () => {
    assert.equal(look({ addresses: ['10.0.0.1'] }, []).unclear, undefined);
    assert.equal(look({ addresses: ['10.0.0.1'] }, [{ addr: '10.0.0.2:1' }, { addr: '10.0.0.3:1' }]).unclear, undefined);
  });

  it('are seen although they are local', () => {
    assert.deepEqual(look({ addresses: ['127.0.0.1'] }, [{ addr: '127.0.0.1:1' }]).seen, ['127.0.0.1']);
  });
});
