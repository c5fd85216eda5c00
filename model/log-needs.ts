/** What a stretch of a log asks of the Redis that executes it. */
export interface LogNeeds {
  /** By their real names in capitals, with sub-commands, sorted. What changes nothing is left out. */
  commands: string[];
  /** The highest database that a command names; -1: none. */
  highestDb: number;
}

export const NO_NEEDS: LogNeeds = { commands: [], highestDb: -1 };

export const joinedNeeds = (all: readonly LogNeeds[]): LogNeeds => ({
  commands: [...new Set(all.flatMap(({ commands }) => commands))].sort(),
  highestDb: Math.max(-1, ...all.map(({ highestDb }) => highestDb)),
});

/** Nothing that the others don't ask for, too. */
export const isWithin = (one: LogNeeds, others: LogNeeds): boolean =>
  one.highestDb <= others.highestDb && one.commands.every((command) => others.commands.includes(command));
