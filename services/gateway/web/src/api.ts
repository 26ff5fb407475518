// The gateway's API: its answers' shapes, and how they are asked for.
export interface Row {
  id: string;
  partition: number;
  phase: string;
  category: string;
  community: string;
  area: string;
  unit: string;
  member: string;
  reported_at: string;
  filed_at: string | null;
  due_at: string | null;
  closed_at: string | null;
  paused: boolean;
  overdue: boolean;
  level: number;
  light: Light;
}
export type Light = 'green' | 'yellow' | 'red';
export interface List {
  as_of: string;
  count: number;
  next: string | null;
  incidents: Row[];
}
export interface Rate {
  numerator: number;
  denominator: number;
  text: string;
}
export const counts = ['reported', 'filed', 'open', 'closed', 'solved', 'due_to_close', 'closed_of_due',
  'closed_on_time', 'deadline_missed', 'voided', 'reopened', 'reworked'] as const;
export type Count = (typeof counts)[number];
export const rates = ['rectification', 'on_time', 'closing', 'filing'] as const;
export type RateName = (typeof rates)[number];
export type Counts = Record<Count, number> & {rates: Record<RateName, Rate>};
export interface Figures {
  as_of: string;
  present: string | null;
  formulas_version: number;
  by: string | null;
  total: Counts;
  rows: (Counts & {key: string})[];
}
export interface Who {
  role: string;
  code: string;
}
export interface Line {
  at: string;
  happened_at: string | null;
  what: string;
  who: Who | null;
  verdict: string;
  reason?: string;
  stage: number;
  partition: number;
  offset: number;
  inferred?: boolean;
  decision?: {service: string; rule: string; policy_version: string; cause: number};
  details: Record<string, unknown>;
}
export interface Present {
  phase: string;
  stage: number;
  open: boolean;
  category: string;
  community: string;
  area: string;
  channel: string;
  unit: string;
  member: string;
  deadline: string | null;
  deadline_missed: boolean;
  paused_at: string | null;
  level: number;
  reported_at: string;
  filed_at: string | null;
  first_acknowledged_at: string | null;
  closed_at: string | null;
  disposition: string;
  merged_into?: string;
  times: Record<'returned' | 'reworked' | 'reopened' | 'extended' | 'paused', number>;
  stars: number;
}
export interface Life {
  id: string;
  partition: number;
  present: Present | null;
  timeline: Line[];
  also_in_partitions?: number[];
}
export interface Task {
  service: string;
  partition: number;
  offset: number;
  end: number | null;
  lag: number | null;
  time: string;
  pending: number;
}
export interface Partitions {
  live: boolean;
  incidents: number;
  open: number;
  closed: number;
  voids: number;
  dead_letters: number;
  tasks: Task[];
  stopped: {partition: number; offset: number; why: string}[];
}
export interface Member {
  member: string;
  partition: number;
  unit: string;
  active: boolean;
  on_duty: boolean;
  open: number;
  until: string | null;
}
export interface Members {
  at: string;
  members: Member[];
}
export interface Policy {
  version: string;
  zone: string;
  categories: {code: string; name: string; limit_minutes: number | null}[];
  units: string[];
  default_unit: string;
  warn_percent: number;
  ladder: {level: number; after_minutes: number; post: string}[];
}
export interface DeadLetters {
  dead_letters: {partition: number; offset: number; reason: string}[];
}
export interface Session {
  name: string;
  code: string;
  roles: string[];
  administrator: boolean;
  viewer: boolean;
  areas: string[];
  units: string[];
  anonymous: boolean;
  csrf?: string;
}
export interface Judged {
  id: string;
  partition: number;
  offset: number;
  stage: number;
  verdict: string;
}

// What the server said instead of an answer; status 0: nothing, for it could not be reached.
export class Problem extends Error {
  constructor(readonly status: number, readonly said: Record<string, unknown>) {
    super(String(said.detail ?? said.reason ?? said.title ?? ''));
  }
}

const base = '/api/v1';

export async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(base + path, {credentials: 'same-origin', ...init});
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(0, {});
  }
  let said: unknown = {};
  try {
    if (response.status !== 204) said = await response.json();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem(response.status, {});
  }
  if (!response.ok) throw new Problem(response.status, said as Record<string, unknown>);
  return said as T;
}

export const send = <T>(method: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
  ask<T>(path, {
    method,
    headers: {...(body === undefined ? {} : {'Content-Type': 'application/json'}), ...headers},
    body: body === undefined ? undefined : JSON.stringify(body),
  });

export function query(values: Record<string, string | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value) search.set(name, value);
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

// 128 random bits; also where the page came without TLS.
export const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

export interface Counted {
  count: number;
  exact: boolean;
}
// How many rows a list has, by paging through it; no more than that many pages.
export async function countOf(filters: Record<string, string | undefined>, signal?: AbortSignal): Promise<Counted> {
  let count = 0;
  let cursor: string | undefined;
  for (let page = 0; page < 5; ++page) {
    const list: List = await ask(`/incidents${query({...filters, limit: '1000', cursor})}`, {signal});
    count += list.count;
    if (list.next === null) return {count, exact: true};
    cursor = list.next;
  }
  return {count, exact: false};
}
