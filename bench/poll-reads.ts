/** Reads one key again and again, in a process of its own, until it is told to stop (SIGTERM). `poll-reads.ts <port> <key> <ms>` */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const [port = '', key = '', everyMs = ''] = process.argv.slice(2);
let reading = true;
process.once('SIGTERM', () => {
  reading = false;
});
const socket = connect(Number(port), '127.0.0.1');
await once(socket, 'connect');
const answers = (async function* () {
  let answer = '';
  for await (const chunk of socket) {
    answer += chunk;
    const whole = /^(?:[-+].*\r\n|\$-1\r\n|\$(\d+)\r\n)/.exec(answer);
    if (!whole || answer.length < whole[0].length + (whole[1] === undefined ? 0 : Number(whole[1]) + 2)) continue;
    yield answer;
    answer = '';
  }
})();
console.log('reading');
const latenciesMs: number[] = [];
const failures: string[] = [];
while (reading) {
  const begun = performance.now();
  socket.write(`GET ${key}\r\n`);
  const { value } = await answers.next();
  latenciesMs.push(performance.now() - begun);
  if (!value?.startsWith('$') || value.startsWith('$-1')) failures.push(value?.trim() ?? 'the connection was closed');
  if (value === undefined) break;
  await sleep(Math.max(0, Number(everyMs) - (performance.now() - begun)));
}
console.log(JSON.stringify({ latenciesMs, failures }));
process.exit();
