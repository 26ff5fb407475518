// Bars by hour: small multiples, zero-based, with the unit on the axis.
import {number} from '../format';
import {t} from '../words';
import {useWidth} from './width';

interface Series {
  name: string;
  values: (number | null)[];  // null: not known, a gap
}

export function HourBars({series, title}: {series: Series[]; title: string}) {
  const {element, width} = useWidth<HTMLElement>(560);
  const most = Math.max(1, ...series.flatMap((one) => one.values.map((value) => value ?? 0)));
  const step = niceStep(most);
  const top = Math.ceil(most / step) * step;
  const left = 48, height = 92, above = 24;
  const whole = series.length * (height + above) + 22;
  const wide = (width - left) / 24;
  const rules = Array.from({length: Math.round(top / step) + 1}, (_, i) => i * step);
  return (
    <figure class="bars" ref={element}>
      <figcaption>{title}</figcaption>
      <svg viewBox={`0 0 ${width} ${whole}`} role="img" aria-label={`${title}. ${series.map((one) => `${one.name}: ${one.values.map((value, hour) => `${hour}: ${value ?? '—'}`).join(', ')}`).join('. ')}`}>
        {series.map((one, n) => {
          const ground = (n + 1) * (height + above);
          return (
            <g key={one.name}>
              <text x={left} y={ground - height - 8} class="label">{one.name} · {t('incidents_axis')}</text>
              {rules.map((rule) => {
                const y = ground - (rule / top) * height;
                return (
                  <g key={rule}>
                    <line x1={left} x2={width} y1={y} y2={y} class={rule === 0 ? 'ground' : 'rule'} />
                    <text x={left - 8} y={y + 4} class="tick" text-anchor="end">{number(rule)}</text>
                  </g>
                );
              })}
              {one.values.map((value, hour) => value !== null && (
                <rect key={hour} x={left + hour * wide + wide / 6} width={(wide * 2) / 3} y={ground - (value / top) * height}
                  height={(value / top) * height} class={n === 0 ? 'bar' : 'bar second'}>
                  <title>{`${String(hour).padStart(2, '0')}:00 ${one.name} ${number(value)}`}</title>
                </rect>
              ))}
            </g>
          );
        })}
        {(width < 420 ? [0, 6, 12, 18] : [0, 3, 6, 9, 12, 15, 18, 21]).map((hour) => (
          <text key={hour} x={left + (hour + 0.5) * wide} y={whole - 6} class="tick" text-anchor="middle">{String(hour).padStart(2, '0')}</text>
        ))}
      </svg>
    </figure>
  );
}

// 1, 2 or 5 times a power of ten, for two or three rules.
function niceStep(most: number): number {
  const rough = most / 2;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
  for (const times of [1, 2, 5, 10]) if (times * power >= rough) return times * power;
  return 10 * power;
}
