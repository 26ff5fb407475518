// What every page has around it.
import type {ComponentChildren} from 'preact';
import {useEffect, useRef, useState} from 'preact/hooks';
import {send} from '../api';
import {duration, number} from '../format';
import {city, useCity, useNow} from '../live';
import {go, Link, useAddress} from '../router';
import {currentLanguage, roleWord, t} from '../words';
import {isTyping} from './incident_table';
import {movable, TimeBar, useAsOf} from './time_bar';

const pages = [['/', 'city'], ['/incidents', 'incidents'], ['/indexes', 'indexes'], ['/duty', 'duty'],
  ['/desk', 'desk'], ['/report', 'report'], ['/operations', 'operations']] as const;

interface Props {
  children: ComponentChildren;
  toggleLanguage: () => void;
  toggleTheme: () => void;
  dark: boolean;
}

export function Frame({children, toggleLanguage, toggleTheme, dark}: Props) {
  const {path, query} = useAddress();
  const asOf = useAsOf();
  const isPast = asOf !== null && movable.includes(path);
  const wall = query.get('wall') === '1';
  const [help, setHelp] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key === 'Escape') setHelp(false);
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === '/') {
        event.preventDefault();
        search.current?.focus();
      } else if (event.key === '?') {
        setHelp(true);
      }
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
  const here = (at: string) => (at === '/' ? path === '/' : path === at || path.startsWith(`${at}/`));
  return (
    <div class={`frame${isPast ? ' past' : ''}${wall ? ' wall' : ''}`}>
      <a class="skip" href="#main">{t('skip')}</a>
      {!wall && (
        <header>
          <div class="top">
            <Link href="/" class="brand">gridledger</Link>
            <form role="search" onSubmit={(event) => {
              event.preventDefault();
              const id = search.current?.value.trim() ?? '';
              if (id !== '') go(`/incidents?all=true&id=${encodeURIComponent(id)}`);
            }}>
              <input ref={search} type="search" aria-label={t('search_id')} placeholder={t('search_id')} maxLength={128} autocomplete="off" spellcheck={false} />
            </form>
            <div class="choices">
              <button type="button" class="plain" lang={currentLanguage() === 'zh' ? 'en' : 'zh'} onClick={toggleLanguage}>{t('language_other')}</button>
              <button type="button" class="plain" onClick={toggleTheme}>{dark ? t('theme_light') : t('theme_dark')}</button>
              <button type="button" class="plain keys" aria-label={t('keys_title')} onClick={() => setHelp(true)}>?</button>
              <Who />
            </div>
          </div>
          <nav aria-label={t('pages')}>
            {pages.map(([at, word]) => (
              <Link key={at} href={isPast && movable.includes(at) ? `${at}?as_of=${encodeURIComponent(asOf)}` : at}
                aria-current={here(at) ? 'page' : undefined}>{t(word)}</Link>
            ))}
          </nav>
        </header>
      )}
      <TimeBar />
      <main id="main" tabIndex={-1}>{children}</main>
      <Freshness />
      {help && <Keys close={() => setHelp(false)} />}
    </div>
  );
}

function Who() {
  const {session} = useCity();
  if (session === null || session.anonymous) return <Link href="/desk" class="plain button">{t('log_in')}</Link>;
  return (
    <span class="who">
      <span class="name" title={session.roles.map(roleWord).join(' · ')}>{session.name}</span>
      <button type="button" class="plain" onClick={async () => {
        await send('DELETE', '/session', undefined, {'X-CSRF-Token': session.csrf ?? ''}).catch(() => undefined);
        await city.readSession();
      }}>{t('log_out')}</button>
    </span>
  );
}

// How new what is shown is.
function Freshness() {
  const {partitions, streaming, connected} = useCity();
  const now = useNow();
  if (partitions === null) return <footer>{connected ? t('loading') : t('disconnected')}</footer>;
  const ends = new Map<number, number>();
  let newest = 0, lag = 0;
  for (const task of partitions.tasks) {
    ends.set(task.partition, Math.max(ends.get(task.partition) ?? 0, task.end ?? task.offset));
    newest = Math.max(newest, Date.parse(task.time));
    lag = Math.max(lag, task.lag ?? 0);
  }
  const records = [...ends.values()].reduce((sum, end) => sum + end, 0);
  return (
    <footer>
      <span>{t('ledger_records', number(records))}</span>
      <span>{t('newest', t('ago', duration(Math.max(0, now - newest))))}</span>
      <span>{t('partitions_count', number(ends.size))}</span>
      <span>{t('lag_of', number(lag))}</span>
      <span>{!connected ? t('disconnected') : streaming ? t('by_stream') : t('by_polling')}</span>
      <Link href="/about">{t('about')}</Link>
    </footer>
  );
}

function Keys({close}: {close: () => void}) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current?.showModal(), []);
  const rows = [['/', 'key_search'], ['j k', 'key_rows'], ['Enter', 'key_open'], ['t', 'key_time'], ['?', 'key_help']] as const;
  return (
    <dialog ref={box} onClose={close} aria-labelledby="keys_title">
      <h2 id="keys_title">{t('keys_title')}</h2>
      <dl class="pairs">
        {rows.map(([key, word]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{t(word)}</dd></div>)}
      </dl>
      <button type="button" onClick={close}>{t('close_panel')}</button>
    </dialog>
  );
}
