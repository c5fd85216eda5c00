/** Keys whose names begin with the same letters, such as `session` of `session:8a7f`; `''` for those that begin with none. */
export interface KeyKind {
  name: string;
  keys: number;
}
