/** A file that others may read, or that belongs to others, than before. */
export interface ChangedAccess {
  path: string;
  /** `0640 of root:redis`. */
  was: string;
  is: string;
  /** Shell command that makes it as it was. */
  cure: string;
}

/** As a clause. */
export const accessText = ({ path, was, is }: ChangedAccess): string =>
  `${path}, which CONFIG REWRITE writes anew, has other rights than before: mode ${is}, and had mode ${was}`;
