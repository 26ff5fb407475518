// Incidents as rows: on the wall, in the list, at the desk.
import {useEffect, useRef, useState} from 'preact/hooks';
import type {Row} from '../api';
import {instant} from '../format';
import {useNow} from '../live';
import {go, Link} from '../router';
import {phaseWord, t} from '../words';
import {Left, LightMark, lightOf} from './light';
import {categoryName, codeName} from './names';

interface Props {
  rows: Row[];
  short?: boolean;  // without the columns that a list alone wants
  caption: string;
  keys?: boolean;   // j, k and Enter move and open
}

const isEnd = (row: Row) => ['closed', 'refused', 'voided', 'merged'].includes(row.phase);

export function IncidentTable({rows, short = false, caption, keys = false}: Props) {
  const now = useNow();
  // Of closed ones it matters when they were reported and closed; of open ones how long there is.
  const ended = !short && rows.some(isEnd);
  const [at, setAt] = useState(-1);
  const body = useRef<HTMLTableSectionElement>(null);
  useEffect(() => {
    if (!keys) return;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key !== 'j' && event.key !== 'k') return;
      setAt((was) => {
        const next = Math.max(0, Math.min(rows.length - 1, was + (event.key === 'j' ? 1 : -1)));
        body.current?.rows[next]?.querySelector('a')?.focus();
        return next;
      });
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [keys, rows.length]);
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table class="incidents">
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{t('light')}</th>
            <th scope="col">{t('id')}</th>
            {!ended && <th scope="col" class="right">{t('time_left')}</th>}
            <th scope="col">{t('phase')}</th>
            <th scope="col">{t('category')}</th>
            <th scope="col">{t('unit')}</th>
            {!short && <th scope="col">{t('area')}</th>}
            {!short && <th scope="col">{t('member')}</th>}
            {!short && !ended && <th scope="col" class="right">{t('level')}</th>}
            {!short && <th scope="col" class="right">{t('deadline')}</th>}
            {ended && <th scope="col" class="right">{t('reported_at')}</th>}
            {ended && <th scope="col" class="right">{t('closed_at')}</th>}
          </tr>
        </thead>
        <tbody ref={body}>
          {rows.map((row, i) => (
            <tr key={`${row.partition}/${row.id}`} class={i === at ? 'at' : ''} onClick={(event) => {
              if ((event.target as Element).closest('a') === null && getSelection()?.isCollapsed !== false) go(`/incidents/${encodeURIComponent(row.id)}`);
            }}>
              <td>{isEnd(row) ? <span class="quiet">–</span> : <LightMark light={lightOf(row)} />}</td>
              <td><Link href={`/incidents/${encodeURIComponent(row.id)}`} class="id">{row.id}</Link></td>
              {!ended && <td class="right"><Left due={row.due_at} paused={row.paused} closed={isEnd(row)} now={now} /></td>}
              <td>{phaseWord(row.phase)}</td>
              <td class="name">{categoryName(row.category)}</td>
              <td class="name">{codeName(row.unit)}</td>
              {!short && <td class="name">{codeName(row.area || row.community)}</td>}
              {!short && <td class="name">{codeName(row.member)}</td>}
              {!short && !ended && <td class="right">{row.level === 0 ? <span class="quiet">—</span> : row.level}</td>}
              {!short && <td class="right">{instant(row.due_at)}</td>}
              {ended && <td class="right">{instant(row.reported_at)}</td>}
              {ended && <td class="right">{instant(row.closed_at)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName));
}
