import { RecoveryError } from '../../model/errors.ts';
import type { ConfKnowledge, RedisConnection } from './connection.ts';

/** The server does not know a command by the name that it was sent: it is disabled, has another name, or is of a newer Redis. */
export const isCommandMissing = (error: unknown): error is RecoveryError =>
  error instanceof RecoveryError && error.code === 'REDIS_REFUSED' && /: ERR unknown command/i.test(error.message);

/** For what is a fact and no need: undefined where the server does not know the command. */
export async function ifKnown<T>(question: Promise<T>): Promise<T | undefined> {
  try {
    return await question;
  } catch (error) {
    if (isCommandMissing(error)) return undefined;
    throw error;
  }
}

/** How commands are sent to a server whose redis.conf has `rename-command` lines. */
export const sentName = ({ commands }: RedisConnection, name: string): string => commands?.[name.toUpperCase()] ?? name;

/** The same for one connection, which learns from redis.conf, where that is at hand, as soon as a name is unknown. */
export class Renames {
  readonly #connection: RedisConnection;
  readonly #learned = new Map<string, string>();
  #conf: Promise<ConfKnowledge | undefined> | undefined;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  sent(name: string): string {
    return this.#learned.get(name.toUpperCase()) ?? sentName(this.#connection, name);
  }

  /** What it is called there, as far as the configuration or redis.conf tells; empty: disabled. */
  async called(name: string): Promise<string> {
    const upper = name.toUpperCase();
    return this.#connection.commands?.[upper] ?? (await this.conf())?.commands[upper] ?? name;
  }

  /**
   * @param sent - the name that was unknown there
   * @returns whether it is known by now to have another one, also where a command beside it has learned that
   */
  async learn(name: string, sent: string): Promise<boolean> {
    const upper = name.toUpperCase();
    if (!this.#learned.has(upper) && this.#connection.commands?.[upper] === undefined) {
      const renamed = (await this.conf())?.commands[upper];
      if (renamed !== undefined && renamed !== '') this.#learned.set(upper, renamed);
    }
    return this.sent(name) !== sent;
  }

  /** A redis.conf that cannot be read tells nothing. */
  conf(): Promise<ConfKnowledge | undefined> {
    this.#conf ??= (this.#connection.conf?.() ?? Promise.resolve(undefined)).catch(() => undefined);
    return this.#conf;
  }
}
