// The light of a deadline: a colour and a shape each, so that it is read without colour too.
import type {Light, Row} from '../api';
import {duration} from '../format';
import {t} from '../words';

const shapes = {green: '●', yellow: '▲', red: '■'} as const;

export const LightMark = ({light, word = false}: {light: Light | null; word?: boolean}) =>
  light === null
    ? <span class="light" title={t('light_none')}><span class="unseen">{t('light_none')}</span><span aria-hidden="true">–</span></span>
    : (
      <span class={`light ${light}`} title={t(`light_${light}`)}>
        <span aria-hidden="true">{shapes[light]}</span>
        <span class={word ? 'word' : 'unseen'}>{t(`light_${light}`)}</span>
      </span>
    );

// What is left of a deadline, or by how much it is late.
export function Left({due, paused, closed, now}: {due: string | null; paused: boolean; closed: boolean; now: number}) {
  if (due === null || closed) return <span class="quiet">—</span>;
  if (paused) return <span class="quiet">{t('paused')}</span>;
  const left = Date.parse(due) - now;
  return <span class={left < 0 ? 'late' : ''}>{t(left < 0 ? 'late_by' : 'left', duration(left))}</span>;
}

// None without a deadline.
export const lightOf = (row: Row): Light | null => (row.due_at === null ? null : row.light);
