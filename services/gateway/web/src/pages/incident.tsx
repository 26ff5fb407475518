// One incident: how it stands, its clock, and all that was said of it.
import type {ComponentChildren} from 'preact';
import type {Life, Light, Present} from '../api';
import {instant, number} from '../format';
import {useAnswer, useNow} from '../live';
import {ClockAxis} from '../parts/clock_axis';
import {Left, LightMark} from '../parts/light';
import {categoryName, codeName} from '../parts/names';
import {Empty, Shown} from '../parts/states';
import {Timeline} from '../parts/timeline';
import {Link} from '../router';
import {phaseWord, t, wordOr} from '../words';

export function Incident({id}: {id: string}) {
  const answer = useAnswer<Life>(`/incidents/${encodeURIComponent(id)}`, 1000);
  const now = useNow();
  if (answer.error?.status === 404) return <><h1 class="id">{id}</h1><Empty title={t('not_found_incident')}><p><Link href={`/incidents?all=true&id=${encodeURIComponent(id)}`}>{t('search_id')}</Link></p></Empty></>;
  return (
    <>
      <h1 class="id">{id}</h1>
      <Shown answer={answer} rows={10}>{(life) => (
        <>
          {life.also_in_partitions !== undefined && life.also_in_partitions.length > 0 && <p class="stale">{t('also_in', life.also_in_partitions.join(', '))}</p>}
          {life.present === null ? <Empty title={t('not_reported_yet')} /> : <Head id={life.id} present={life.present} light={lightNow(life)} now={now} />}
          {life.present !== null && <section aria-labelledby="clock_title"><h2 id="clock_title">{t('clock_title')}</h2><ClockAxis life={life} now={now} /></section>}
          <div class="columns wide_left">
            <section aria-labelledby="timeline_title">
              <h2 id="timeline_title">{t('timeline')}</h2>
              <Timeline lines={life.timeline} />
            </section>
            {life.present !== null && <section aria-labelledby="present_title"><h2 id="present_title">{t('present')}</h2><PresentPairs life={life} present={life.present} /></section>}
          </div>
        </>
      )}</Shown>
    </>
  );
}

// Of the deadline in force, as the timeline has it.
export function lightNow(life: Life): Light | null {
  const present = life.present;
  if (present === null || present.deadline === null) return null;
  if (present.deadline_missed) return 'red';
  const warned = life.timeline.some((line) => line.what === 'DeadlineWarned' && line.verdict === 'applied' &&
    Number(line.details.dueAtMs) === Date.parse(present.deadline!));
  return warned ? 'yellow' : 'green';
}

export function Head({id, present, light, now, desk = true}: {id: string; present: Present; light: Light | null; now: number; desk?: boolean}) {
  return (
    <div class="head">
      <span class="phase">{phaseWord(present.phase)}</span>
      {(present.open || light !== 'green') && <LightMark light={light} word />}
      {present.paused_at !== null && <span class="tag">{t('clock_stopped')}</span>}
      {present.open && present.paused_at === null && <span class="left"><Left due={present.deadline} paused={present.paused_at !== null} closed={!present.open} now={now} /></span>}
      <span class="quiet">{categoryName(present.category)} · {codeName(present.unit)}{present.member !== '' && ` · ${present.member}`}</span>
      <span class="fill" />
      {desk && present.open && <Link href={`/desk?id=${encodeURIComponent(id)}`} class="button">{t('open_desk')}</Link>}
    </div>
  );
}

function PresentPairs({life, present}: {life: Life; present: Present}) {
  const times = (['returned', 'reworked', 'reopened', 'extended', 'paused'] as const)
    .filter((name) => present.times[name] > 0).map((name) => t(`times_${name}`, number(present.times[name])));
  const point = life.timeline.find((line) => line.what === 'IncidentReported')?.details.point as {latitudeE7?: number; longitudeE7?: number} | undefined;
  const degrees = (value: number | undefined) => ((value ?? 0) / 1e7).toFixed(5);
  const pairs: [string, ComponentChildren][] = [
    [t('category'), categoryName(present.category)],
    [t('community'), codeName(present.community)],
    [t('area'), codeName(present.area)],
    [t('place'), point === undefined ? '—' : `${degrees(point.latitudeE7)}, ${degrees(point.longitudeE7)}`],
    [t('channel'), codeName(present.channel)],
    [t('unit'), codeName(present.unit)],
    [t('member'), codeName(present.member)],
    [t('deadline'), instant(present.deadline)],
    [t('level'), present.level === 0 ? '—' : number(present.level)],
    [t('reported_at'), instant(present.reported_at)],
    [t('filed_at'), instant(present.filed_at)],
    [t('acknowledged_at'), instant(present.first_acknowledged_at)],
    [t('closed_at'), instant(present.closed_at)],
    [t('disposition'), present.disposition && present.disposition !== 'unspecified' ? wordOr(`DISPOSITION_${present.disposition.toUpperCase().replace(/ /g, '_')}`, present.disposition) : '—'],
    [t('times'), times.length === 0 ? '—' : times.join(' · ')],
    [t('stars'), present.stars === 0 ? '—' : t('stars_of', number(present.stars))],
    ...(present.merged_into ? [[t('merged_into'), <Link href={`/incidents/${encodeURIComponent(present.merged_into)}`}>{present.merged_into}</Link>] as [string, ComponentChildren]] : []),
    [t('stage'), number(present.stage)],
    [t('partition'), number(life.partition)],
  ];
  return <dl class="pairs">{pairs.map(([label, value]) => <div key={label}><dt>{label}</dt><dd>{value}</dd></div>)}</dl>;
}
