/** Writes so many keys a second for a while, in a process of its own. Says how many it wrote. `steady-load.ts <port> <a second> <seconds>` */
import { once } from 'node:events';
import { connect } from 'node:net';

const [port = 0, aSecond = 0, seconds = 0] = process.argv.slice(2).map(Number);
const TICK_MS = 10;
const KEYS = 100_000;
const VALUE = 'v'.repeat(100);

const command = (n: number): string => {
  const key = `key:${`${n % KEYS}`.padStart(12, '0')}`;
  return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${VALUE.length}\r\n${VALUE}\r\n`;
};
const each = command(0).length;
const commands = Buffer.from(Array.from({ length: KEYS }, (_, n) => command(n)).join(''));

const socket = connect(port, '127.0.0.1');
await once(socket, 'connect');
socket.resume(); // the answers are of no interest
const begun = performance.now();
let written = 0;
for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - begun) {
  const due = Math.floor((elapsed / 1000) * aSecond);
  while (written < due) {
    const at = written % KEYS;
    const count = Math.min(due - written, KEYS - at);
    if (!socket.write(commands.subarray(at * each, (at + count) * each))) await once(socket, 'drain');
    written += count;
  }
  await new Promise((resolve) => setTimeout(resolve, TICK_MS));
}
socket.end();
await once(socket, 'close');
console.log(written);
