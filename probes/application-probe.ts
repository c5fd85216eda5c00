/** How one application is seen to be at work with a Redis again. Plain JSON: it comes from the configuration. */
export type ApplicationProbe = ProbeBase & (HttpProbe | ClientsProbe | CommandProbe);

export type ProbeKind = ApplicationProbe['kind'];

interface ProbeBase {
  name: string;
  /** A restore is not done while it is missing. Default true. */
  required?: boolean;
  /** Share of its members (URLs, addresses, names) that must be seen, 0 to 1. Default 1. */
  quorum?: number;
}

/** Its health URLs answer 2xx; one for each member. They must need Redis to answer, or they prove nothing. */
export interface HttpProbe {
  kind: 'http';
  urls: string[];
  /** How long one answer may take. Default 2000. */
  answerWithinMs?: number;
}

/** Its members stand in CLIENT LIST with a command since the restart. Give addresses or names or both. */
export interface ClientsProbe {
  kind: 'clients';
  /** IP addresses, one a member; or networks such as `10.1.0.0/16`, of which `expected` members are wanted. */
  addresses?: string[];
  /** What members call themselves with CLIENT SETNAME, one a member. */
  clientNames?: string[];
  /** How many members the networks hold. Default 1. */
  expected?: number;
}

/** A command that ends with code 0 when the application reaches Redis, run where the worker runs: `ssh`, `kubectl exec`, `curl`. */
export interface CommandProbe {
  kind: 'command';
  command: string[];
  cwd?: string;
  /** Default 10000. */
  answerWithinMs?: number;
}

/** `cannot be told`: the probe itself does not work here, which says nothing of the application. */
export type ConnectivityVerdict = 'connected' | 'missing' | 'cannot be told';

export interface ApplicationVerdict {
  name: string;
  kind: ProbeKind;
  required: boolean;
  verdict: ConnectivityVerdict;
  /** One sentence for people. */
  detail: string;
  /** Members that were not seen, each with the reason where there is one. */
  stragglers: string[];
}

/** One look at one application: which members were seen, which not, or why that cannot be told. */
export interface Sighting {
  seen: string[];
  stragglers: string[];
  /** Set if looking again may help, or not at all when `final`. */
  unclear?: { why: string; final: boolean };
}

/** How many of `members` a quorum asks for. The small difference keeps 0.07 × 100 at 7. */
export const membersWanted = (members: number, quorum = 1): number => Math.ceil(members * quorum - 1e-9);
