import { spawn } from 'node:child_process';
import { basename, delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** One line of a command with `--json`. */
export interface NarratedStep {
  type: string;
  [field: string]: unknown;
}

/** Tells the story: what is done, why, and each command as one would type it. */
export class Narrator {
  readonly #out: NodeJS.WriteStream;
  readonly #environment: NodeJS.ProcessEnv;
  #step = 0;

  /** @param json - stdout is for the result alone */
  constructor({ json, environment }: { json: boolean; environment: NodeJS.ProcessEnv }) {
    this.#out = json ? process.stderr : process.stdout;
    this.#environment = { ...process.env, ...environment };
  }

  say(text: string): void {
    this.#out.write(`${text}\n`);
  }

  step(title: string): void {
    this.#step += 1;
    this.say(`\n${this.#out.isTTY ? '\u001b[1m' : ''}${this.#step}. ${title}${this.#out.isTTY ? '\u001b[0m' : ''}`);
  }

  /** Runs a command of this clone and shows it with its output. @throws Error when it ends with a code that isn't allowed */
  async run(command: string[], { allowed = [0] }: { allowed?: number[] } = {}): Promise<number> {
    this.#show(command);
    const code = await this.#spawn(command, (text) => this.#out.write(text));
    if (!allowed.includes(code)) throw new Error(`${command.join(' ')} ended with code ${code}`);
    return code;
  }

  /** Runs one without showing it. Returns what it printed to stdout. @throws Error when it ends with a code that isn't allowed */
  async ask(command: string[], { allowed = [0] }: { allowed?: number[] } = {}): Promise<string> {
    let answer = '';
    const code = await this.#spawn(command, (text, stream) => {
      if (stream === 'stdout') answer += text;
    });
    if (!allowed.includes(code)) throw new Error(`${command.join(' ')} ended with code ${code}: ${answer}`);
    return answer;
  }

  /** The result of a `redis-backup … --json`: its last line. */
  async askJson<T>(command: string[], options?: { allowed?: number[] }): Promise<T> {
    const lines = (await this.ask([...command, '--json'], options)).trim().split('\n');
    return JSON.parse(lines.at(-1) ?? '') as T;
  }

  /** Runs one that tells what happens as JSON lines, shown as it would be typed. `tell` sees each; the last one is returned. */
  async follow<T>(command: string[], tell: (line: NarratedStep) => void): Promise<T> {
    this.#show(command);
    let rest = '';
    let last: NarratedStep | undefined;
    const code = await this.#spawn([...command, '--json'], (text, stream) => {
      if (stream === 'stderr') return void this.#out.write(text);
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        last = JSON.parse(line) as NarratedStep;
        tell(last);
      }
    });
    if (code !== 0 || last === undefined) throw new Error(`${command.join(' ')} ended with code ${code}`);
    return last as T;
  }

  #show(command: string[]): void {
    this.say(`\n  $ ${[shortest(command[0] ?? ''), ...command.slice(1)].map(quoted).join(' ')}`);
  }

  #spawn([file = '', ...args]: string[], show: (text: string, stream: 'stdout' | 'stderr') => void): Promise<number> {
    const path = file === 'redis-backup' ? 'cli/redis-backup' : file;
    const child = spawn(path, args, { cwd: ROOT, env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
    const lines = { stdout: indented(), stderr: indented() };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]
        .setEncoding('utf8')
        .on('data', (text: string) => show(args.includes('--json') ? text : lines[stream](text), stream));
    }
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
  }
}

/** What one would type: the name alone when it is on PATH. */
function shortest(file: string): string {
  const onPath = (process.env.PATH ?? '').split(delimiter).includes(dirname(file));
  return onPath ? basename(file) : file.replace(ROOT, '');
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`);

/** Indents text that comes in pieces. */
function indented(): (text: string) => string {
  let atStart = true;
  return (text) => {
    const body = text.endsWith('\n') ? text.slice(0, -1) : text;
    const result = `${atStart ? '    ' : ''}${body.replaceAll('\n', '\n    ')}${text.endsWith('\n') ? '\n' : ''}`;
    atStart = text.endsWith('\n');
    return result;
  };
}
