// For a citizen who comes once: what, where, a number to keep, and what became of it.
import {useEffect, useState} from 'preact/hooks';
import {Problem, randomKey, send, type Figures, type Judged, type Life} from '../api';
import {instant} from '../format';
import {useAnswer, useCity} from '../live';
import {refusalText} from '../parts/refusal';
import {categoryName} from '../parts/names';
import {Empty, Shown} from '../parts/states';
import {go, Link} from '../router';
import {t, wordOr} from '../words';

interface Draft {
  category: string;
  community: string;
  area: string;
  point: {latitude: number; longitude: number} | null;
  key: string;  // the same report sent twice is one
}
const blank = (): Draft => ({category: '', community: '', area: '', point: null, key: randomKey()});

export function Report() {
  const {policy} = useCity();
  const [draft, setDraft] = useState(blank);
  const [sending, setSending] = useState(false);
  const [refused, setRefused] = useState('');
  const [position, setPosition] = useState('');
  const [number, setNumber] = useState('');
  const communities = useAnswer<Figures>('/metrics?by=community', 0);
  const areas = useAnswer<Figures>('/metrics?by=area', 0);
  const set = (change: Partial<Draft>) => setDraft({...draft, ...change, key: randomKey()});
  const names = (communities.data?.rows ?? []).map((row) => row.key).filter((key) => key !== '' && !key.startsWith('('));
  const grids = (areas.data?.rows ?? []).map((row) => row.key).filter((key) => draft.community !== '' && key !== draft.community && key.startsWith(draft.community));
  const submit = async () => {
    setSending(true);
    setRefused('');
    try {
      const {category, community, area, point} = draft;
      const judged = await send<Judged>('POST', '/incidents', {category, community, channel: 'web',
        ...(area === '' ? {} : {area}), ...(point === null ? {} : {point})}, {'Idempotency-Key': draft.key});
      go(`/report/${encodeURIComponent(judged.id)}`);
    } catch (error) {
      setRefused(t('report_failed', refusalText(error as Problem)));
    }
    setSending(false);
  };
  return (
    <div class="citizen">
      <h1>{t('report_title')}</h1>
      <p class="lead">{t('report_lead')}</p>
      <form onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}>
        <fieldset>
          <legend>{t('step_what')}</legend>
          <div class="options">
            {(policy?.categories ?? []).map((one) => (
              <label key={one.code} class="option">
                <input type="radio" name="category" required value={one.code} checked={draft.category === one.code} onChange={() => set({category: one.code})} />
                <span>{categoryName(one.code)}</span>
              </label>
            ))}
          </div>
        </fieldset>
        <fieldset>
          <legend>{t('step_where')}</legend>
          <label>{t('community')}
            <select required value={draft.community} onChange={(event) => set({community: event.currentTarget.value, area: ''})}>
              <option value="">{t('choose_community')}</option>
              {names.map((name) => <option key={name} value={name}>{name}</option>)}
            </select>
          </label>
          <label>{t('choose_area')}
            <select value={draft.area} disabled={draft.community === ''} onChange={(event) => set({area: event.currentTarget.value})}>
              <option value="">{t('area_unknown')}</option>
              {grids.map((name) => <option key={name} value={name}>{name}</option>)}
            </select>
          </label>
          {draft.point === null
            ? <button type="button" onClick={() => navigator.geolocation?.getCurrentPosition(
                ({coords}) => set({point: {latitude: coords.latitude, longitude: coords.longitude}}), () => setPosition(t('position_failed')), {timeout: 10000, enableHighAccuracy: true})}>{t('use_position')}</button>
            : <p>{t('position_on', `${draft.point.latitude.toFixed(5)}, ${draft.point.longitude.toFixed(5)}`)} <button type="button" class="plain" onClick={() => set({point: null})}>{t('remove_position')}</button></p>}
          <p role="status" class="quiet">{position}</p>
        </fieldset>
        <fieldset>
          <legend>{t('step_send')}</legend>
          {refused !== '' && <p class="refused" role="alert">{refused}</p>}
          <button type="submit" class="main" disabled={sending}>{sending ? t('sending') : t('send_report')}</button>
        </fieldset>
      </form>
      <form class="look_up" onSubmit={(event) => {
        event.preventDefault();
        if (number.trim() !== '') go(`/report/${encodeURIComponent(number.trim())}`);
      }}>
        <label>{t('have_number')}<input type="text" maxLength={128} autocomplete="off" spellcheck={false} value={number} onInput={(event) => setNumber(event.currentTarget.value)} /></label>
        <button type="submit">{t('look_up')}</button>
      </form>
    </div>
  );
}

export function ReportState({id}: {id: string}) {
  const answer = useAnswer<Life>(`/incidents/${encodeURIComponent(id)}`, 1000);
  const [said, setSaid] = useState('');
  useEffect(() => setSaid(''), [id]);
  if (answer.error?.status === 404) {
    return <div class="citizen"><h1>{t('your_report')}</h1><p class="number id">{id}</p><Empty title={t('not_found_incident')} /><p><Link href="/report" class="button">{t('report_title')}</Link></p></div>;
  }
  const say = async (what: string, details: unknown, thanks: string) => {
    try {
      await send('POST', `/incidents/${encodeURIComponent(id)}/facts`, {what, details}, csrfHeader());
      setSaid(thanks);
    } catch (error) {
      setSaid(refusalText(error as Problem));
    }
    answer.again();
  };
  const {session} = useCity();
  const csrfHeader = (): Record<string, string> => (session?.csrf ? {'X-CSRF-Token': session.csrf} : {});
  return (
    <div class="citizen">
      <h1>{t('your_report')}</h1>
      <p class="number id" data-number={id}>{id}</p>
      <p class="quiet">{t('keep_number')}</p>
      <Shown answer={answer} rows={4}>{(life) => life.present === null ? <Empty title={t('not_reported_yet')} /> : (
        <>
          <p class="state" data-phase={life.present.phase}>{wordOr(`state_${life.present.phase}`, life.present.phase)
            .replace('{0}', life.present.phase === 'closed' ? wordOr(`DISPOSITION_${life.present.disposition.toUpperCase().replace(/ /g, '_')}`, life.present.disposition) : life.present.unit)}</p>
          {life.present.open && life.present.deadline !== null && <p>{t('due_by', instant(life.present.deadline))}</p>}
          <ol class="steps">{life.timeline.filter((line) => line.verdict === 'applied' && !line.what.startsWith('Deadline') && line.what !== 'EscalationRaised').map((line) => (
            <li key={`${line.offset}${line.what}`}><time dateTime={line.at}>{instant(line.at)}</time> {wordOr(`fact_${line.what}`, line.what)}</li>
          ))}</ol>
          {life.present.phase === 'closed' && (
            <>
              <h2>{t('rate_it')}</h2>
              <div class="row">{[1, 2, 3, 4, 5].map((stars) => (
                <button type="button" key={stars} aria-pressed={life.present!.stars === stars} onClick={() => void say('IncidentRated', {stars}, t('thanks_rating'))}>{t('stars_of', stars)}</button>
              ))}</div>
              <p><button type="button" onClick={() => void say('IncidentReopened', {reason: 'REOPEN_REASON_DISSATISFIED'}, '')}>{t('not_solved')}</button></p>
            </>
          )}
          <p role="status">{said}</p>
        </>
      )}</Shown>
      <p><Link href="/report" class="button">{t('report_again')}</Link></p>
    </div>
  );
}
