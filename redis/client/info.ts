export interface Keyspace {
  db: number;
  keys: number;
  expires: number;
}

/**
 * What INFO answered. Fields are read by their whole name: a search in the text finds `loading:0` inside `async_loading:0`.
 * A field that the server doesn't have is `undefined` and never 0.
 */
export class RedisInfo {
  readonly #fields: ReadonlyMap<string, string>;

  constructor(fields: ReadonlyMap<string, string>) {
    this.#fields = fields;
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  get(name: string): string | undefined {
    return this.#fields.get(name);
  }

  /** The field as a number; undefined when it isn't there or isn't one. */
  number(name: string): number | undefined {
    const text = this.#fields.get(name);
    if (text === undefined || text === '') return undefined;
    const value = Number(text);
    return Number.isNaN(value) ? undefined : value;
  }

  /** True when the field is there and not `0`: `loading`, `rdb_bgsave_in_progress`, … */
  flag(name: string): boolean {
    const text = this.#fields.get(name);
    return text !== undefined && text !== '0';
  }

  /** One entry per database that has keys. */
  keyspace(): Keyspace[] {
    const found: Keyspace[] = [];
    for (const [name, text] of this.#fields) {
      const match = /^db(\d+)$/.exec(name);
      const counts = /^keys=(\d+),expires=(\d+)/.exec(text);
      if (match && counts) found.push({ db: Number(match[1]), keys: Number(counts[1]), expires: Number(counts[2]) });
    }
    return found.sort((one, other) => one.db - other.db);
  }

  /** Connected replicas, `host:port`. An attached archiver or backup has port 0 and is none: `slave0:ip=10.0.0.7,port=6379,…`. */
  replicas(): string[] {
    return [...this.#fields].flatMap(([name, text]) => {
      const match = /^slave\d+$/.test(name) ? /^ip=([^,]+),port=(\d+)/.exec(text) : null;
      return match && match[2] !== '0' ? [`${match[1]}:${match[2]}`] : [];
    });
  }
}

/** Reads the text of INFO, whichever sections it has. Of a field that comes twice (`module`) the last is kept. */
export function parseInfo(text: string): RedisInfo {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return new RedisInfo(fields);
}
