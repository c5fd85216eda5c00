import assert from 'node:assert/strict';
import { parseListening, parsePs, parseStat } from '../../platforms/host/process-table.ts';
import { commandOf, parseShow } from '../../platforms/process/systemd-starter.ts';

describe('what the system says of processes', () => {
  it('is read on Linux, with parentheses in names and without zombies', () => {
    const fields = ['42', '1', '42', '42', '0', '-1', ...new Array(12).fill('0'), '987654', 'rest'];
    const stat = (state: string) => `77 (redis (odd) server) ${[state, ...fields].join(' ')}`;
    assert.deepEqual(parseStat(77, stat('S'), '/usr/bin/redis-server 127.0.0.1:6379\0\0\0'), {
      pid: 77,
      parentPid: 42,
      started: '987654',
      name: 'redis (odd) server',
      args: ['/usr/bin/redis-server 127.0.0.1:6379'],
    });
    assert.equal(parseStat(77, stat('Z'), ''), undefined);
  });

  it('is read on macOS', () => {
    const text = [
      '    1     0 Ss   Mon Nov 24 04:43:13 2025     /sbin/launchd',
      '  501     1 S    Mon Nov 24 04:50:00 2025     /opt/homebrew/opt/redis/bin/redis-server 127.0.0.1:6379',
      '  502   501 Z    Mon Nov 24 04:50:01 2025     (redis-server)',
      '',
    ].join('\n');
    assert.deepEqual(parsePs(text)[1], {
      pid: 501,
      parentPid: 1,
      started: 'Mon Nov 24 04:50:00 2025',
      name: 'redis-server',
      args: ['/opt/homebrew/opt/redis/bin/redis-server', '127.0.0.1:6379'],
    });
    assert.equal(parsePs(text).length, 2);
  });

  it('names the sockets that listen on a port, not those that are connected to it', () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107        0 31337 1 0000000000000000 100 0 0 10 0
   1: 0100007F:18EB 0100007F:C350 01 00000000:00000000 00:00000000 00000000   107        0 31338 1 0000000000000000 20 4 30 10 -1
   2: 00000000:08EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31339 1 0000000000000000 100 0 0 10 0`;
    assert.deepEqual(parseListening(table, 6379), ['31337']);
  });

  it('is read from systemctl show', () => {
    const shown = parseShow(
      'MainPID=812\nActiveState=active\nExecStart={ path=/usr/bin/redis-server ; argv[]=/usr/bin/redis-server /etc/redis/redis.conf --supervised systemd --daemonize no ; ignore_errors=no ; start_time=[n/a] ; pid=812 }\n',
    );
    assert.equal(shown.MainPID, '812');
    assert.deepEqual(commandOf(shown.ExecStart ?? ''), [
      '/usr/bin/redis-server',
      '/etc/redis/redis.conf',
      '--supervised',
      'systemd',
      '--daemonize',
      'no',
    ]);
  });
});
