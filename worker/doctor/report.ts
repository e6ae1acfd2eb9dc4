/** What the doctor finds: one entry a thing that was tried, with its facts, and what is wrong with it. */
export type Fact = string | number | boolean | null | readonly Fact[] | { readonly [name: string]: Fact };
export type Facts = Readonly<Record<string, Fact>>;

/** `fault`: Millrace does not work like this, or loses what it promises. `warning`: it works, and something is risky. */
export type Level = 'warning' | 'fault';

/** Something to mend. */
export interface Finding {
  readonly level: Level;
  /** Stable, lower_snake_case. */
  readonly code: string;
  /** A sentence: what is wrong, and what it leads to. */
  readonly message: string;
  /** A sentence: what to do about it. */
  readonly mend: string;
}

/** What became of one check. */
export interface Checked {
  /** What was tried: "redis 127.0.0.1:6379". */
  readonly subject: string;
  /** What was found, in a few words. */
  readonly found: string;
  readonly facts: Facts;
  readonly findings: readonly Finding[];
  /** What the server does not let us see: no fault, but said. */
  readonly unseen: readonly string[];
}

export type Status = 'ok' | Level;

export interface Report {
  readonly status: Status;
  /** ISO 8601, by this machine's clock. */
  readonly checked_at: string;
  readonly mode: string;
  readonly checks: readonly (Checked & { readonly status: Status; readonly ms: number })[];
}

/** The worst of some findings. */
export function statusOf(findings: readonly Finding[]): Status {
  if (findings.some(({ level }) => level === 'fault')) return 'fault';
  return findings.length > 0 ? 'warning' : 'ok';
}

export const fault = (code: string, message: string, mend: string): Finding => ({
  level: 'fault',
  code,
  message,
  mend,
});
export const warning = (code: string, message: string, mend: string): Finding => ({
  level: 'warning',
  code,
  message,
  mend,
});

/** A check that found nothing but what it failed with. */
export const failed = (subject: string, ...findings: readonly Finding[]): Checked => ({
  subject,
  found: findings.map(({ code }) => code).join(', '),
  facts: {},
  findings,
  unseen: [],
});
