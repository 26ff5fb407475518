// The list, with each of the API's filters in the address.
import {useEffect, useState} from 'preact/hooks';
import {ask, countOf, query, type Figures, type List, type Row} from '../api';
import {instant, instantOfWall, number, wallOf} from '../format';
import {useAsked, useCity} from '../live';
import {IncidentTable} from '../parts/incident_table';
import {lightOf} from '../parts/light';
import {categoryName} from '../parts/names';
import {Empty, Shown} from '../parts/states';
import {go, Link, useAddress, withQuery} from '../router';
import {phaseWord, t} from '../words';

const phases = ['reported', 'accepted', 'verified', 'filed', 'dispatched', 'acknowledged', 'handling', 'handled', 'checked',
  'closed', 'refused', 'voided', 'merged'];
const texts = ['community', 'area', 'member'] as const;
const instants = ['reported_from', 'reported_until', 'due_from', 'due_until', 'closed_from', 'closed_until'] as const;
const names = ['all', 'overdue', 'category', 'unit', ...texts, 'phase', 'light', 'missed', 'id', 'level_min', ...instants];
const pageRows = '100';

// What a filter is called, with its value in words.
function filterWord(name: string, value: string): string {
  if (name === 'all') return t('filter_all');
  if (name === 'overdue') return t('filter_overdue');
  if (name === 'missed') return `${t('filter_missed')}: ${value === 'true' ? t('yes') : t('no')}`;
  const label = name === 'id' ? t('id_contains') : t(name);
  let shown = value;
  if (name === 'category') shown = categoryName(value);
  if (name === 'phase') shown = value.split(',').map(phaseWord).join(' · ');
  if (name === 'light') shown = t(`light_${value}`);
  if ((instants as readonly string[]).includes(name)) shown = instant(value);
  return `${label}: ${shown}`;
}

// How many fit, by the figures where one counts just these; else by paging, as far as that is quick.
async function countFitting(filters: Record<string, string>, signal: AbortSignal): Promise<{count: number; exact: boolean}> {
  const {all, phase, ...rest} = filters;
  const dimensions = Object.keys(rest);
  const counts = phase === 'closed' ? 'closed' : phase === 'voided' ? 'voided' : phase === undefined ? (all === 'true' ? 'reported' : 'open') : null;
  if (counts !== null && dimensions.length <= 1 && (dimensions.length === 0 || ['category', 'unit', 'community'].includes(dimensions[0]!))) {
    const figures = await ask<Figures>(`/metrics${query({by: dimensions[0]})}`, {signal});
    const row = dimensions.length === 0 ? figures.total : figures.rows.find((one) => one.key === rest[dimensions[0]!]);
    return {count: row?.[counts] ?? 0, exact: true};
  }
  return countOf(filters, signal);
}

export function Incidents() {
  const address = useAddress();
  const [shown, setShown] = useState(false);
  const filters = Object.fromEntries(names.flatMap((name) => {
    const value = address.query.get(name);
    return value ? [[name, value]] : [];
  }));
  const on = Object.entries(filters);
  const cursor = address.query.get('cursor') ?? undefined;
  const sort = address.query.get('sort') ?? undefined;
  const asked = query({...filters, sort, cursor, limit: pageRows});
  const answer = useAsked(asked, (signal) => ask<List>(`/incidents${asked}`, {signal}), 5000);
  const count = useAsked(`count ${query(filters)}`, (signal) => countFitting(filters, signal), 5000);
  return (
    <>
      <h1>{t('incidents')}</h1>
      <div class="with_filters">
        <aside aria-label={t('filters')} class={shown ? 'shown' : ''}>
          <button type="button" class="fold" aria-expanded={shown} onClick={() => setShown(!shown)}>{shown ? t('hide_filters') : t('show_filters')}</button>
          <Filters filters={filters} />
        </aside>
        <section aria-label={t('incidents')}>
          <div class="chips" role="status">
            <span>{on.length === 0 ? t('filters_none') : on.length === 1 ? t('filter_on') : t('filters_on', on.length)}</span>
            {on.map(([name, value]) => (
              <button type="button" key={name} class="chip" aria-label={t('remove_filter', filterWord(name, value))}
                onClick={() => go(withQuery({[name]: undefined, cursor: undefined}))}>{filterWord(name, value)} <span aria-hidden="true">×</span></button>
            ))}
            {on.length > 0 && <button type="button" class="plain" onClick={() => go('/incidents')}>{t('clear_all')}</button>}
          </div>
          <Shown answer={answer} rows={14}>{(list) => (
            <>
              <div class="above">
                <span data-count={count.data?.exact ? count.data.count : ''}>{count.data === null
                  ? t('rows_shown', number(list.count))
                  : t('rows_of', number(list.count), count.data.exact ? number(count.data.count) : t('at_least', number(count.data.count)))}</span>
                <span class="quiet">{t('as_of', instant(list.as_of))} · {filters.all || filters.phase ? t('sort_id') : t('sort_urgency')}</span>
                <span class="fill" />
                <button type="button" disabled={list.count === 0} onClick={() => saveCsv(list.incidents)}>{t('export_csv')}</button>
              </div>
              {list.incidents.length === 0
                ? <Empty title={t('no_match')}>{on.length > 0 && <p>{t('no_match_what')}</p>}</Empty>
                : <IncidentTable rows={list.incidents} caption={t('incidents')} keys />}
              <div class="pager">
                {cursor !== undefined && <Link href={withQuery({cursor: undefined})} class="button">{t('first_page')}</Link>}
                {list.next !== null && <Link href={withQuery({cursor: list.next})} class="button">{t('next_page')}</Link>}
              </div>
            </>
          )}</Shown>
        </section>
      </div>
    </>
  );
}

function Filters({filters}: {filters: Record<string, string>}) {
  const {policy} = useCity();
  const set = (name: string, value: string | undefined) => go(withQuery({[name]: value, cursor: undefined, sort: undefined}));
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <Choice name="status" value={filters.all === 'true' ? 'all' : ''} options={[['', t('open_only')], ['all', t('all_incidents')]]}
        set={(value) => set('all', value === 'all' ? 'true' : undefined)} />
      <Choice name="light" value={filters.light ?? ''} options={[['', t('any')], ...['red', 'yellow', 'green'].map((one) => [one, t(`light_${one}`)] as [string, string])]}
        set={(value) => set('light', value)} />
      <label class="check"><input type="checkbox" checked={filters.overdue === 'true'} onChange={(event) => set('overdue', event.currentTarget.checked ? 'true' : undefined)} /> {t('filter_overdue')}</label>
      <Choice name="phase" value={filters.phase ?? ''} options={[['', t('any')], ...phases.map((one) => [one, phaseWord(one)] as [string, string]),
        ...(filters.phase?.includes(',') ? [[filters.phase, filters.phase.split(',').map(phaseWord).join(' · ')] as [string, string]] : [])]}
        set={(value) => set('phase', value)} />
      <Choice name="category" value={filters.category ?? ''} options={[['', t('any')], ...(policy?.categories ?? []).map((one) => [one.code, categoryName(one.code)] as [string, string]),
        ...unlisted(filters.category, policy?.categories.map((one) => one.code))]} set={(value) => set('category', value)} />
      <Choice name="unit" value={filters.unit ?? ''} options={[['', t('any')], ...(policy?.units ?? []).map((one) => [one, one] as [string, string]),
        ...unlisted(filters.unit, policy?.units)]} set={(value) => set('unit', value)} />
      <Field name="id" label={t('id_contains')} value={filters.id ?? ''} set={set} />
      {texts.map((name) => <Field key={name} name={name} label={t(name)} value={filters[name] ?? ''} set={set} />)}
      <details open={[...instants, 'missed', 'level_min'].some((name) => filters[name] !== undefined)}>
        <summary>{t('more_filters')}</summary>
        <Choice name="missed" label={t('filter_missed')} value={filters.missed ?? ''} options={[['', t('any')], ['true', t('yes')], ['false', t('no')]]} set={(value) => set('missed', value)} />
        <Choice name="level_min" value={filters.level_min ?? ''} options={[['', t('any')], ...(policy?.ladder ?? []).map((one) => [String(one.level), String(one.level)] as [string, string]),
          ...unlisted(filters.level_min, policy?.ladder.map((one) => String(one.level)))]} set={(value) => set('level_min', value)} />
        {instants.map((name) => (
          <label key={name}>{t(name)}
            <input type="datetime-local" value={filters[name] ? wallOf(filters[name]) : ''}
              onChange={(event) => set(name, event.currentTarget.value === '' ? undefined : instantOfWall(event.currentTarget.value) ?? undefined)} />
          </label>
        ))}
      </details>
    </form>
  );
}

// A value of the address that no list has.
const unlisted = (value: string | undefined, listed: string[] | undefined): [string, string][] =>
  value !== undefined && !(listed ?? []).includes(value) ? [[value, value]] : [];

function Choice({name, label, value, options, set}: {name: string; label?: string; value: string; options: [string, string][]; set: (value: string) => void}) {
  return (
    <label>{label ?? t(name)}
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        {options.map(([code, word]) => <option key={code} value={code}>{word}</option>)}
      </select>
    </label>
  );
}

function Field({name, label, value, set}: {name: string; label: string; value: string; set: (name: string, value: string) => void}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  return (
    <label>{label}
      <input type="text" maxLength={128} value={text} autocomplete="off" spellcheck={false}
        onInput={(event) => setText(event.currentTarget.value)} onChange={() => set(name, text.trim())} />
    </label>
  );
}

// What is shown, as a spreadsheet opens it: no cell begins with what it would take for a formula.
function saveCsv(rows: Row[]) {
  const columns = ['id', 'light', 'phase', 'category', 'community', 'area', 'unit', 'member', 'level', 'reported_at', 'filed_at', 'due_at', 'closed_at', 'paused', 'overdue'] as const;
  const cell = (value: unknown) => {
    let text = value === null || value === undefined ? '' : String(value);
    if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const lines = rows.map((row) => columns.map((name) => cell(name === 'light' ? lightOf(row) : row[name])).join(','));
  const blob = new Blob([`\ufeff${[columns.join(','), ...lines].join('\r\n')}\r\n`], {type: 'text/csv'});
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = 'incidents.csv';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
