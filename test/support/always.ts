import * as fc from 'fast-check';

/** Asserts a synchronous property for 100 random inputs; a failure prints the smallest one, and a seed to repeat it. */
export function always<T extends [unknown, ...unknown[]]>(property: fc.IPropertyWithHooks<T>): void {
  void fc.assert(property);
}
