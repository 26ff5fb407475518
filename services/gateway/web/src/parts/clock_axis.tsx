// An incident's clock on a time axis: when it ran, when it stood, and where the deadline is.
import type {Life} from '../api';
import {day, instant, clock as hourOf} from '../format';
import {factWord, t} from '../words';
import {useWidth} from './width';

interface Span {
  from: number;
  to: number;
  kind: 'before' | 'runs' | 'stands' | 'late';
}

export function ClockAxis({life, now}: {life: Life; now: number}) {
  const {element, width} = useWidth<HTMLElement>(960);
  const present = life.present;
  if (present === null) return null;
  const applied = life.timeline.filter((line) => line.verdict === 'applied');
  const start = Date.parse(present.reported_at);
  const last = applied.length > 0 ? Date.parse(applied[applied.length - 1]!.at) : start;
  const stop = present.open ? Math.max(now, last) : present.closed_at === null ? last : Date.parse(present.closed_at);
  const due = present.deadline === null ? null : Date.parse(present.deadline);
  const end = Math.max(stop, due ?? stop, start + 60000);
  const spans = spansOf(life, start, stop, due);
  const left = 8, right = 8, line = 44;
  const x = (at: number) => left + ((at - start) / (end - start)) * (width - left - right);
  const ticks = ticksOf(start, end, Math.max(2, Math.floor(width / 120)));
  const pauses = applied.filter((one) => one.what === 'HandlingPaused').length;
  return (
    <figure class="clock" ref={element}>
      <svg viewBox={`0 0 ${width} 96`} role="img" aria-label={t('clock_alt', instant(start), instant(end), due === null ? t('no_deadline') : instant(due), pauses)}>
        <defs>
          <pattern id="stands" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect width="6" height="6" class="stands_ground" /><line x1="0" y1="0" x2="0" y2="6" class="stands_line" />
          </pattern>
        </defs>
        {ticks.map((at) => (
          <g key={at}>
            <line x1={x(at)} x2={x(at)} y1={line - 14} y2={line + 20} class="rule" />
            <text x={x(at)} y={line + 36} class="tick" text-anchor={anchor(x(at), width)}>{tickWord(at, end - start)}</text>
          </g>
        ))}
        {spans.map((span) => (
          <rect key={`${span.from}${span.kind}`} x={x(span.from)} width={Math.max(1, x(span.to) - x(span.from))}
            y={span.kind === 'before' ? line - 2 : line - 8} height={span.kind === 'before' ? 4 : 16} class={`span ${span.kind}`}>
            <title>{`${t({before: 'before_filing', runs: 'clock_runs', stands: 'clock_stopped', late: 'past_deadline'}[span.kind])}: ${instant(span.from)} – ${instant(span.to)}`}</title>
          </rect>
        ))}
        {applied.map((one) => (
          <circle key={`${one.offset}${one.what}`} cx={x(Date.parse(one.at))} cy={line} r="3.5" class="fact"><title>{`${factWord(one.what)} ${instant(one.at)}`}</title></circle>
        ))}
        {due !== null && (
          <g class="due">
            <line x1={x(due)} x2={x(due)} y1={line - 20} y2={line + 20} />
            <text x={x(due)} y={line - 26} class="label" text-anchor={anchor(x(due), width)}>{`${t('deadline')} ${instant(due)}`}</text>
          </g>
        )}
      </svg>
      <figcaption>
        {(['before', 'runs', 'stands', 'late'] as const).filter((kind) => spans.some((span) => span.kind === kind)).map((kind) => (
          <span key={kind}><i class={`swatch ${kind}`} aria-hidden="true" />{t({before: 'before_filing', runs: 'clock_runs', stands: 'clock_stopped', late: 'past_deadline'}[kind])}</span>
        ))}
      </figcaption>
    </figure>
  );
}

const anchor = (x: number, width: number) => (x < 80 ? 'start' : x > width - 80 ? 'end' : 'middle');

function spansOf(life: Life, start: number, stop: number, due: number | null): Span[] {
  const spans: Span[] = [];
  const filed = life.present!.filed_at === null ? null : Date.parse(life.present!.filed_at);
  if (filed === null || filed > start) spans.push({from: start, to: Math.min(filed ?? stop, stop), kind: 'before'});
  if (filed === null) return spans;
  let from = filed;
  let stands = false;
  const cut = (to: number) => {
    if (to <= from) return;
    if (stands) spans.push({from, to, kind: 'stands'});
    else if (due !== null && to > due) {
      if (from < due) spans.push({from, to: due, kind: 'runs'});
      spans.push({from: Math.max(from, due), to, kind: 'late'});
    } else spans.push({from, to, kind: 'runs'});
    from = to;
  };
  for (const line of life.timeline) {
    const at = Date.parse(line.at);
    if (line.verdict !== 'applied' || at < filed) continue;
    if (line.what === 'HandlingPaused') {
      cut(at);
      stands = true;
    } else if (stands && (line.what === 'HandlingResumed' || line.what === 'IncidentClosed')) {
      cut(at);
      stands = false;
    }
  }
  cut(stop);
  return spans;
}

// Four to seven marks at whole hours or days.
function ticksOf(from: number, to: number, most: number): number[] {
  const hour = 3600e3;
  const steps = [hour / 12, hour / 4, hour, 3 * hour, 6 * hour, 12 * hour, 24 * hour, 48 * hour, 168 * hour, 720 * hour, 2160 * hour, 8760 * hour];
  const step = steps.find((one) => (to - from) / one <= Math.min(most, 8)) ?? (to - from) / 3;
  const ticks = [];
  // Steps from the city's own midnight.
  const midnight = Date.parse(`${day(from)}T00:00:00Z`) - (Date.parse(`${instant(from).replace(' ', 'T')}:00Z`) - Math.floor(from / 60000) * 60000);
  for (let at = midnight; at <= to; at += step) if (at >= from) ticks.push(at);
  return ticks;
}
const tickWord = (at: number, whole: number) => (whole > 5 * 86400e3 ? day(at) : whole > 86400e3 ? instant(at).slice(5) : hourOf(at));
