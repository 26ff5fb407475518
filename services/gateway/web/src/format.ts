// Numbers, instants and durations as the chosen language writes them. Instants are in the city's
// own zone.
import {currentLanguage} from './words';

let zone = 'Asia/Shanghai';
export const cityZone = () => zone;
export function setZone(name: string) {
  try {
    new Intl.DateTimeFormat('en', {timeZone: name});
    zone = name;
  } catch {
    // One that this browser does not know: the ledger's instants keep their offsets anyhow.
  }
}

const locale = () => (currentLanguage() === 'zh' ? 'zh-CN' : 'en-GB');
const made = new Map<string, unknown>();
function once<T>(key: string, make: () => T): T {
  const whole = `${locale()} ${zone} ${key}`;
  if (!made.has(whole)) made.set(whole, make());
  return made.get(whole) as T;
}

export const number = (value: number) => once('n', () => new Intl.NumberFormat(locale())).format(value);

// Half up to two decimals, by whole numbers, as the programs round.
export function percent(numerator: number, denominator: number): string {
  if (denominator === 0) return '—';
  const hundredths = (BigInt(numerator) * 20000n + BigInt(denominator)) / (2n * BigInt(denominator));
  return once('p', () => new Intl.NumberFormat(locale(), {
    style: 'percent', minimumFractionDigits: 2, maximumFractionDigits: 2})).format(Number(hundredths) / 10000);
}

function parts(at: Date): Record<string, string> {
  const format = once('d', () => new Intl.DateTimeFormat(locale(), {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit',
    hour: '2-digit', minute: '2-digit', second: '2-digit'}));
  return Object.fromEntries(format.formatToParts(at).map((part) => [part.type, part.value]));
}

type When = string | number | Date | null | undefined;
const dateOf = (when: When) => (when === null || when === undefined ? null : new Date(when));

// "2021-01-31 14:05"
export function instant(when: When): string {
  const at = dateOf(when);
  if (at === null || Number.isNaN(at.getTime())) return '—';
  const p = parts(at);
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}`;
}
// "2021-01-31 14:05:09"
export function instantFine(when: When): string {
  const at = dateOf(when);
  return at === null || Number.isNaN(at.getTime()) ? '—' : `${instant(at)}:${parts(at).second}`;
}
export const day = (when: When) => instant(when).slice(0, 10);
export const clock = (when: When) => instant(when).slice(11);
export const clockFine = (when: When) => instantFine(when).slice(11);

// The instant that a wall clock of the city shows so: "2021-01-31T14:05" → RFC 3339.
export function instantOfWall(text: string): string | null {
  const wanted = Date.parse(`${text}Z`);
  if (Number.isNaN(wanted)) return null;
  let at = wanted;
  for (let i = 0; i < 2; ++i) at += wanted - wallMillis(at);
  return new Date(at).toISOString().replace(/\.000Z$/, 'Z');
}
const wallMillis = (at: number) => {
  const p = parts(new Date(at));
  return Date.parse(`${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}:${p.second}Z`) + (((at % 1000) + 1000) % 1000);
};
// For a control of date and time.
export const wallOf = (when: When) => instant(when).replace(' ', 'T');

const unit = (value: number, name: string) => once(`u${name}`, () => new Intl.NumberFormat(locale(), {
  style: 'unit', unit: name, unitDisplay: currentLanguage() === 'zh' ? 'long' : 'short',
  maximumFractionDigits: name === 'second' ? 1 : 0})).format(value).replace(/(\d)([^\d\s.,])/, '$1 $2');

// "2 h 10 min", "3 d 4 h", "0.4 s": the two largest parts.
export function duration(millis: number): string {
  const seconds = Math.abs(millis) / 1000;
  if (seconds < 60) return unit(seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds), 'second');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return unit(minutes, 'minute');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return join(unit(hours, 'hour'), minutes % 60, 'minute');
  if (hours >= 240) return unit(Math.floor(hours / 24), 'day');
  return join(unit(Math.floor(hours / 24), 'day'), hours % 24, 'hour');
}
const join = (first: string, rest: number, name: string) => (rest === 0 ? first : `${first} ${unit(rest, name)}`);
