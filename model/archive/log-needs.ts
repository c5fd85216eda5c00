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

/** A replay begins with the SELECT of the database that is chosen there, also where no command behind it names one. */
export const beginningIn = (db: number, needs: LogNeeds): LogNeeds => joinedNeeds([{ commands: [], highestDb: db }, needs]);

/** Nothing that the others don't ask for, too. */
export const isWithin = (one: LogNeeds, others: LogNeeds): boolean =>
  one.highestDb <= others.highestDb && one.commands.every((command) => others.commands.includes(command));

const CODE = /^(EVAL|EVALSHA|EVAL_RO|EVALSHA_RO|FCALL|FCALL_RO|SCRIPT|FUNCTION)\b/;
const SERVER = /^(ACL|CLIENT|CLUSTER|CONFIG|DEBUG|FAILOVER|MIGRATE|MODULE|REPLICAOF|SHUTDOWN|SLAVEOF)\b/;

/** A command that no replay executes, with what it probably is. */
export function foreignText(name: string): string {
  const shown = shownName(name);
  if (CODE.test(name)) return `${shown} (runs code, which nobody can say the end of)`;
  if (SERVER.test(name)) return `${shown} (changes the server, not its data)`;
  return name.includes('.') ? `${shown} (of a module)` : `${shown} (renamed by the source, of a module or of a newer Redis)`;
}

const LONGEST_SHOWN = 64;

/** The name of a command may be long, or no text at all. */
export function shownName(name: string): string {
  const text = name.replace(/[^ -~]/g, '.');
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
