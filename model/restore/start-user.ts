/** As whom Redis would be started. Names, or numbers where the machine has none for them. */
export interface StartUser {
  /** Absent: not known before it runs. */
  user?: string;
  /** Who decides it: whom the data belongs to, the systemd unit, the start command itself, or the pod, else its image. */
  from: 'data' | 'unit' | 'command' | 'pod';
  /** As whom it runs now, where that is somebody else. */
  now?: string;
  /** Groups that its user is in and that it would not have. */
  lacksGroups?: string[];
  /** Why it could not be started at all. */
  refused?: string;
}

const FROM = {
  data: 'to whom the data belongs',
  unit: 'as its unit says',
  command: 'as its start command says',
  pod: 'as its pod says',
} as const;

/** Where only its start shows as whom it runs. */
const SAYS = { data: 'its data', unit: 'its unit', command: 'its start command', pod: 'its image' } as const;

/** Behind "start Redis": ` as user redis, to whom the data belongs,`. */
export const startUserText = ({ user, from }: StartUser): string =>
  user === undefined ? ` as whom ${SAYS[from]} says,` : ` as user ${user}, ${FROM[from]},`;

/** What is wrong with that. */
export function startUserProblems({ user, now, lacksGroups, refused }: StartUser): { message: string; next: string }[] {
  const asOwner = 'Run the worker on that host as the user that Redis runs as, or as root.';
  return [
    ...(refused === undefined ? [] : [{ message: `Redis could not be started: ${refused}`, next: asOwner }]),
    ...(now === undefined || user === undefined
      ? []
      : [
          {
            message: `Redis runs as user ${now}, and would be started as user ${user}, to whom its data belongs`,
            next: `Give the data to the user that Redis is to run as (chown -R), or name the user in the start command.`,
          },
        ]),
    ...(lacksGroups === undefined
      ? []
      : [
          {
            message: `Redis would be started without the groups ${lacksGroups.join(', ')} of its user: there is no setpriv of util-linux here`,
            next: 'Install util-linux, or start Redis by systemd: what only these groups may read it could not.',
          },
        ]),
  ];
}
