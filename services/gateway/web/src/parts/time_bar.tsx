// The instant that the page shows, and the way to another one.
import {useEffect, useRef, useState} from 'preact/hooks';
import {cityZone, instant, instantOfWall, wallOf} from '../format';
import {useNow} from '../live';
import {go, useAddress, withQuery} from '../router';
import {t} from '../words';
import {isTyping} from './incident_table';

export const movable = ['/', '/indexes'];

// The instant in the address, where it is one.
export function useAsOf(): string | null {
  const {query} = useAddress();
  const text = query.get('as_of');
  return text !== null && !Number.isNaN(Date.parse(text)) ? text : null;
}

export function TimeBar() {
  const {path} = useAddress();
  const asOf = useAsOf();
  const now = useNow();
  const [open, setOpen] = useState(false);
  const [wall, setWall] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const can = movable.includes(path);
  const shown = can ? asOf : null;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape') setOpen(false);
      if (event.key === 't' && can && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
        event.preventDefault();
        setOpen(true);
      }
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [can]);
  useEffect(() => {
    if (!open) return;
    setWall(wallOf(shown ?? now));
    setTimeout(() => field.current?.focus(), 0);
  }, [open]);
  useEffect(() => setOpen(false), [path]);
  const show = (at: string | null) => {
    setOpen(false);
    go(withQuery({as_of: at ?? undefined}));
  };
  const moved = (millis: number) => setWall(wallOf(Date.parse(instantOfWall(wall) ?? new Date(now).toISOString()) + millis));
  return (
    <div class="time_bar">
      {shown === null
        ? <span class="instant"><strong>{t('now')}</strong> <time>{instant(now)}</time></span>
        : <span class="instant"><strong>{t('past_shown', instant(shown))}</strong></span>}
      {shown !== null && <button type="button" onClick={() => show(null)}>{t('back_to_now')}</button>}
      {can && <button type="button" aria-expanded={open} aria-controls="instant_panel" onClick={() => setOpen(!open)}>{t('choose_instant')}</button>}
      {open && (
        <form id="instant_panel" class="panel" onSubmit={(event) => {
          event.preventDefault();
          const at = instantOfWall(wall);
          if (at !== null) show(at);
        }}>
          <label>{t('instant_zone', cityZone())}
            <input ref={field} type="datetime-local" required value={wall} onInput={(event) => setWall(event.currentTarget.value)} />
          </label>
          <div class="row">
            <button type="button" onClick={() => moved(-3600e3)}>{t('hour_earlier')}</button>
            <button type="button" onClick={() => moved(-86400e3)}>{t('day_earlier')}</button>
            <button type="button" onClick={() => moved(-7 * 86400e3)}>{t('week_earlier')}</button>
            <button type="button" onClick={() => moved(86400e3)}>{t('day_later')}</button>
            <button type="button" onClick={() => setWall(`${wallOf(now).slice(0, 8)}01T00:00`)}>{t('month_start')}</button>
          </div>
          <div class="row">
            <button type="submit" class="main">{t('show_instant')}</button>
            <button type="button" onClick={() => setOpen(false)}>{t('close_panel')}</button>
          </div>
        </form>
      )}
    </div>
  );
}
