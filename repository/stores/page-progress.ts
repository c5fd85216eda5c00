import { RecoveryError } from '../../model/errors.ts';

/** Some servers give an empty page now and then; a listing that goes on like this has no end. */
const MOST_EMPTY_PAGES = 100;

/**
 * Sees the pages of one listing go by, and refuses those that lead nowhere: whoever follows them asks for ever.
 * @throws RecoveryError `STORE_UNFIT`
 */
export class PageProgress {
  readonly #where: string;
  #last = '';
  #token: string | undefined;
  #empty = 0;

  constructor(where: string) {
    this.#where = where;
  }

  /**
   * @param names - of the page, in any order
   * @param token - where the next page begins
   * @param isTruncated - whether the page says that there is a next one
   */
  see(names: readonly (string | undefined)[], token: string | undefined, isTruncated: boolean): void {
    const known = names.filter((name) => name !== undefined).sort(byBytes);
    const [first, last] = [known[0], known.at(-1)];
    if (first !== undefined && this.#last !== '' && byBytes(first, this.#last) <= 0) throw this.#refused(`goes back to ${first}`);
    this.#last = last ?? this.#last;
    if (!isTruncated) return;
    if (!token) throw this.#refused('says that there is more, and not where');
    if (token === this.#token) throw this.#refused('leads to the same page again');
    this.#token = token;
    this.#empty = known.length === 0 ? this.#empty + 1 : 0;
    if (this.#empty >= MOST_EMPTY_PAGES) throw this.#refused(`has ${MOST_EMPTY_PAGES} empty pages in a row`);
  }

  #refused(why: string): RecoveryError {
    return new RecoveryError('STORE_UNFIT', `${this.#where}: the listing ${why}`, {
      next: 'The store, or a proxy before it, cuts listings wrongly: nothing that is built on them would be true. Use another.',
    });
  }
}

const byBytes = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
