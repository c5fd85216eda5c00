/** More than any request of a replica, with a password of 512 bytes and all its capabilities. */
const LONGEST_REQUEST = 8192;
const LONGEST_LINE = 8;

/** Takes apart what a peer asks. It may be anybody, so it is held to small requests, and to the form that Redis itself uses. */
export class RequestReader {
  #unread = '';

  /**
   * @returns the words of each request that is whole now; bare line ends, a replica's sign of life, are left out
   * @throws Error at anything else
   */
  push(bytes: Buffer): string[][] {
    this.#unread += bytes.toString('latin1');
    const requests: string[][] = [];
    for (let words = this.#next(); words; words = this.#next()) requests.push(words);
    if (this.#unread.length > LONGEST_REQUEST) throw new Error('an endless request');
    return requests;
  }

  #next(): string[] | undefined {
    this.#unread = this.#unread.replace(/^[\r\n]+/, '');
    const head = this.#number('*', 0);
    if (!head) return undefined;
    const words: string[] = [];
    let { at } = head;
    while (words.length < head.value) {
      const length = this.#number('$', at);
      if (!length || this.#unread.length < length.at + length.value + 2) return undefined;
      words.push(this.#unread.slice(length.at, length.at + length.value));
      at = length.at + length.value + 2;
    }
    this.#unread = this.#unread.slice(at);
    return words;
  }

  /** The number in a line such as `*3`, and where the next line begins; undefined while the line isn't whole. */
  #number(sign: '*' | '$', from: number): { value: number; at: number } | undefined {
    const line = this.#unread.slice(from, from + LONGEST_LINE);
    const [whole = '', digits] = /^.(\d+)\r\n/.exec(line) ?? [];
    const isSound = line === '' || (line[0] === sign && (digits ? Number(digits) <= LONGEST_REQUEST : /^.\d*\r?$/.test(line)));
    if (!isSound || (!digits && line.length === LONGEST_LINE)) throw new Error('no request of Redis');
    return digits ? { value: Number(digits), at: from + whole.length } : undefined;
  }
}
