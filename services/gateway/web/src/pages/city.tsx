// City now: what a leader sees from two metres away.
import {ask, countOf, query, rates, type Counts, type Figures, type List, type Row} from '../api';
import {clockFine, instant, instantFine, number, percent} from '../format';
import {useAnswer, useAsked, useCity, type Change} from '../live';
import {HourBars} from '../parts/bars';
import {Figure} from '../parts/figure';
import {IncidentTable} from '../parts/incident_table';
import {LightMark} from '../parts/light';
import {categoryName} from '../parts/names';
import {Empty, Shown} from '../parts/states';
import {useAsOf} from '../parts/time_bar';
import {Link, useAddress} from '../router';
import {factWord, t} from '../words';

export function City() {
  const asOf = useAsOf();
  const isWall = useAddress().query.get('wall') === '1';
  const answer = useAnswer<Figures>(`/metrics${query({by: 'hour', as_of: asOf ?? undefined})}`, asOf === null ? 1000 : 0);
  return (
    <>
      <h1 class="unseen">{t('city')}</h1>
      <div class="columns">
        <section aria-labelledby="figures_title">
          <h2 id="figures_title" class="unseen">{t('indexes')}</h2>
          <Shown answer={answer} rows={8}>{(figures) => (
            <>
              <KeyFigures figures={figures} isNow={asOf === null} />
              <HourBars title={t('by_hour_title')} series={(['reported', 'closed'] as const).map((name) => ({
                name: t(name), values: hours(figures, name)}))} />
            </>
          )}</Shown>
        </section>
        <section aria-labelledby="urgent_title">
          {asOf === null ? <Urgent short={isWall} /> : <><h2 id="urgent_title">{t('urgent_title')}</h2><Empty title={t('lists_are_now')} /></>}
        </section>
      </div>
      {asOf === null && <Changes />}
    </>
  );
}

const hours = (figures: Figures, name: 'reported' | 'closed') => Array.from({length: 24}, (_, hour) =>
  figures.rows.find((row) => row.key === String(hour).padStart(2, '0'))?.[name] ?? 0);

function KeyFigures({figures, isNow}: {figures: Figures; isNow: boolean}) {
  const total = figures.total;
  const at = figures.as_of;
  return (
    <>
      <p class="as_of">{t('as_of', '')}<time dateTime={at} data-as-of={at}>{isNow ? instantFine(at) : instant(at)}</time></p>
      <div class="figures">
        <Figure of="open" label={t('open')} value={number(total.open)} href={isNow ? '/incidents' : undefined}
          small={<>{t('reported')} {number(total.reported)}</>} />
        {isNow && <Lights />}
      </div>
      <div class="figures rates">
        {rates.map((name) => (
          <Figure key={name} of={name} label={<Link href={`/indexes?rate=${name}`}>{t(name)}</Link>}
            value={percent(total.rates[name].numerator, total.rates[name].denominator)}
            small={<Parts counts={total} name={name} />} />
        ))}
      </div>
    </>
  );
}

export const Parts = ({counts, name}: {counts: Counts; name: (typeof rates)[number]}) => (
  <span class="fraction">{t('of_which', number(counts.rates[name].numerator), number(counts.rates[name].denominator))}</span>
);

// The lists know the lights; the figures do not.
function Lights() {
  const answer = useAsked('lights', async (signal) => {
    const [overdue, warned] = await Promise.all([
      countOf({overdue: 'true'}, signal), countOf({light: 'yellow'}, signal)]);
    return {overdue, warned};
  }, 5000);
  const shown = (one: {count: number; exact: boolean} | undefined) =>
    one === undefined ? '…' : one.exact ? number(one.count) : t('at_least', number(one.count));
  return (
    <>
      <Figure of="overdue" label={<><LightMark light="red" /> {t('overdue')}</>} value={shown(answer.data?.overdue)} href="/incidents?overdue=true" />
      <Figure of="warned" label={<><LightMark light="yellow" /> {t('warned')}</>} value={shown(answer.data?.warned)} href="/incidents?light=yellow" />
    </>
  );
}

function Urgent({short}: {short: boolean}) {
  const answer = useAnswer<List>('/incidents?sort=urgency&limit=10', 2000);
  return (
    <>
      <h2 id="urgent_title">{t('urgent_title')} <Link href="/incidents" class="more">{t('all_open')}</Link></h2>
      <Shown answer={answer} rows={10}>{(list) => list.incidents.length === 0
        ? <Empty title={t('no_urgent')} />
        : <IncidentTable rows={list.incidents.slice(0, short ? 6 : 10)} short caption={t('urgent_title')} />}</Shown>
    </>
  );
}

function Changes() {
  const {streaming, changes} = useCity();
  return (
    <section aria-labelledby="changes_title" class="changes">
      <h2 id="changes_title">{t('changes_title')}</h2>
      {streaming ? <Streamed changes={changes} /> : <Polled />}
    </section>
  );
}

function Streamed({changes}: {changes: Change[]}) {
  if (changes.length === 0) return <Empty title={t('changes_none')} />;
  return (
    <ul>{changes.slice(0, 12).map((change) => (
      <li key={`${change.partition}/${change.offset}/${change.what}`}>
        <time dateTime={change.at}>{clockFine(change.at)}</time>
        <Link href={`/incidents/${encodeURIComponent(change.incident)}`} class="id">{change.incident}</Link>
        <span title={change.rule}>{factWord(change.what)}</span>
        <span class="quiet name">{change.now === null ? '' : change.what === 'IncidentDispatched' ? change.now.member || change.now.unit : categoryName(change.now.category)}</span>
        {change.verdict === 'void' && <span class="quiet">{t('verdict_void')}</span>}
      </li>
    ))}</ul>
  );
}

// Without a stream the lists tell what was reported and closed.
function Polled() {
  const answer = useAsked('changes', async (signal) => {
    const from = new Date(Date.now() - 3600e3).toISOString();
    const [reported, closed] = await Promise.all([
      ask<List>(`/incidents${query({all: 'true', reported_from: from, limit: '1000'})}`, {signal}),
      ask<List>(`/incidents${query({closed_from: from, limit: '1000'})}`, {signal})]);
    const line = (row: Row, what: string, at: string) => ({row, what, at});
    return [...reported.incidents.map((row) => line(row, 'IncidentReported', row.reported_at)),
      ...closed.incidents.map((row) => line(row, 'IncidentClosed', row.closed_at ?? row.reported_at))]
      .sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, 12);
  }, 5000);
  return (
    <Shown answer={answer} rows={3}>{(lines) => lines.length === 0 ? <Empty title={`${t('changes_polled')}: ${t('none')}`} /> : (
      <ul>{lines.map(({row, what, at}) => (
        <li key={`${row.id}/${what}`}>
          <time dateTime={at}>{clockFine(at)}</time>
          <Link href={`/incidents/${encodeURIComponent(row.id)}`} class="id">{row.id}</Link>
          <span>{factWord(what)}</span>
          <span class="quiet">{categoryName(row.category)}</span>
        </li>
      ))}</ul>
    )}</Shown>
  );
}
