// What the page knows of the running city: told by the stream where there is one, else asked for
// every second. Components renew themselves when the city has changed.
import {useEffect, useReducer, useRef, useState} from 'preact/hooks';
import {ask, type Partitions, type Policy, type Problem, type Row, type Session, type Who} from './api';
import {setZone} from './format';

// One fact that the fold has judged, as the stream tells it.
export interface Change {
  partition: number;
  offset: number;
  at: string;
  rule?: string;
  incident: string;
  what: string;
  who: Who;
  verdict: string;
  reason?: string;
  now: Row | null;
}
interface Happened {
  partition: number;
  offset: number;
  at: string;
  decision?: {rule: string};
  changes: Omit<Change, 'partition' | 'offset' | 'at'>[];
}

class City {
  partitions: Partitions | null = null;
  partitionsAt = 0;
  policy: Policy | null = null;
  session: Session | null = null;
  streaming = false;
  connected = true;
  changes: Change[] = [];  // the newest first
  version = 0;             // moves when the city has changed
  private listeners = new Set<() => void>();

  listen(listener: () => void) {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }
  tell() {
    for (const listener of [...this.listeners]) listener();
  }

  start() {
    void this.readPolicy();
    void this.readSession();
    void this.poll();
    this.stream();
  }

  private async readPolicy() {
    try {
      this.policy = await ask<Policy>('/policy');
      setZone(this.policy.zone);
      this.tell();
    } catch {
      setTimeout(() => void this.readPolicy(), 5000);
    }
  }
  async readSession() {
    try {
      this.session = await ask<Session>('/session');
    } catch {
      this.session = null;
    }
    this.tell();
  }

  private async poll() {
    if (document.visibilityState === 'visible') {
      try {
        const was = this.partitions;
        this.partitions = await ask<Partitions>('/partitions');
        this.partitionsAt = Date.now();
        this.connected = true;
        const sum = (all: Partitions | null) => all?.tasks.reduce((total, task) => total + task.offset, 0) ?? -1;
        if (sum(was) !== sum(this.partitions)) ++this.version;
      } catch {
        this.connected = false;
      }
      this.tell();
    }
    setTimeout(() => void this.poll(), this.streaming ? 3000 : 1000);
  }

  private stream() {
    const source = new EventSource('/api/v1/stream?events=change');
    let waiting = false;
    source.addEventListener('open', () => {
      this.streaming = true;
      this.tell();
    });
    source.addEventListener('change', (event) => {
      const told = JSON.parse((event as MessageEvent).data as string) as Happened;
      const {partition, offset, at} = told;
      const fresh = told.changes.map((change) => ({...change, partition, offset, at, rule: told.decision?.rule}));
      this.changes = [...fresh.reverse(), ...this.changes].slice(0, 50);
      ++this.version;
      // A second may have thousands: they are shown together.
      if (waiting) return;
      waiting = true;
      setTimeout(() => {
        waiting = false;
        this.tell();
      }, 1000);
    });
    source.addEventListener('reset', () => {
      ++this.version;
      this.tell();
    });
    source.addEventListener('error', () => {
      this.streaming = false;
      this.tell();
      // Closed by itself where there is none: another try later.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.stream(), 60000);
    });
  }
}

export const city = new City();

// Renders again whenever something of the city was told.
export function useCity(): City {
  const [, again] = useReducer((n: number) => n + 1, 0);
  useEffect(() => city.listen(() => again(undefined as never)), []);
  return city;
}

export interface Answer<T> {
  data: T | null;
  error: Problem | null;
  loading: boolean;
  at: number;  // when the data came
  again: () => void;
}

// An answer that is asked for anew when the city has changed, at most once in `every` milliseconds;
// 0: only when the path changes. Keeps the last answer while a new one fails.
export function useAnswer<T>(path: string | null, every = 1000): Answer<T> {
  return useAsked<T>(path, (signal) => ask<T>(path!, {signal}), every);
}

export function useAsked<T>(key: string | null, fetcher: (signal: AbortSignal) => Promise<T>, every = 1000): Answer<T> {
  const [state, setState] = useState<{key: string | null; data: T | null; error: Problem | null; at: number}>(
    {key: null, data: null, error: null, at: 0});
  const [tries, setTries] = useState(0);
  const latest = useRef(fetcher);
  latest.current = fetcher;
  useEffect(() => {
    if (key === null) return;
    const abort = new AbortController();
    let timer = 0;
    let seen = -1;
    let last = 0;
    let busy = false;
    const run = async () => {
      busy = true;
      seen = city.version;
      last = Date.now();
      try {
        const data = await latest.current(abort.signal);
        if (!abort.signal.aborted) setState({key, data, error: null, at: Date.now()});
      } catch (error) {
        if (abort.signal.aborted) return;
        setState((was) => ({key, data: was.key === key ? was.data : null, error: error as Problem, at: was.at}));
        seen = -1;
      }
      busy = false;
      look();
    };
    const look = () => {
      if (every === 0 || busy || timer !== 0 || abort.signal.aborted || seen === city.version) return;
      if (document.visibilityState !== 'visible') return;
      timer = window.setTimeout(() => {
        timer = 0;
        void run();
      }, Math.max(0, last + (seen < 0 ? Math.max(every, 3000) : every) - Date.now()));
    };
    void run();
    const unlisten = city.listen(look);
    return () => {
      abort.abort();
      unlisten();
      clearTimeout(timer);
    };
  }, [key, every, tries]);
  const current = state.key === key;
  return {
    data: current ? state.data : null,
    error: current ? state.error : null,
    loading: key !== null && (!current || (state.data === null && state.error === null)),
    at: state.at,
    again: () => setTries((n) => n + 1),
  };
}

// A clock that moves each second.
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
