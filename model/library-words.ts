/** What a library says for its authors, and what a person reads in its place. */
export type LibraryWords = readonly (readonly [RegExp, string])[];

/** The first that fits. Undefined: none does. */
export const inOurWords = (text: string, words: LibraryWords): string | undefined => words.find(([said]) => said.test(text))?.[1];
