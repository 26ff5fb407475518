// Where people of the city act: a queue, one incident at a time, and only what the rules allow now.
import type {ComponentChildren} from 'preact';
import {useState} from 'preact/hooks';
import {Problem, query, send, type Judged, type Life, type List, type Present, type Session} from '../api';
import {instantOfWall, number, wallOf} from '../format';
import {city, useAnswer, useCity, useNow} from '../live';
import {ClockAxis} from '../parts/clock_axis';
import {Left, LightMark, lightOf} from '../parts/light';
import {categoryName} from '../parts/names';
import {refusalText} from '../parts/refusal';
import {Empty, Loading, Shown} from '../parts/states';
import {Timeline} from '../parts/timeline';
import {Link, useAddress, withQuery} from '../router';
import {factWord, phaseWord, roleWord, t, wordOr} from '../words';
import {Head, lightNow} from './incident';

const staff = ['collector', 'acceptor', 'shift_leader', 'dispatcher', 'handler', 'checker'];
const roleKey = (role: string) => role.replace(/ /g, '_');

// ---- what may be done: the fold's own table of phases, and of who may say what

type Input = {name: string; word: string; kind: 'choice'; options: string[]} | {name: string; word: string; kind: 'text' | 'instant' | 'unit' | 'member'; optional?: boolean};
interface Act {
  word: string;
  what: string;
  phases: string[];
  details?: Record<string, unknown>;
  inputs?: Input[];
  then?: string;
  free?: boolean;      // takes no name
  citizen?: boolean;   // a citizen may say it, too
  paused?: boolean;    // only while the clock stands, or only while it runs
  notHandler?: boolean;
  main?: boolean;
}
const unfiled = ['reported', 'accepted', 'verified'];
const withUnit = ['dispatched', 'acknowledged', 'handling'];
const cases = ['filed', ...withUnit, 'handled', 'checked'];
const choice = (name: string, options: string[]): Input => ({name, word: `d_${name}`, kind: 'choice', options});
const acts: Act[] = [
  {word: 'act_accept', what: 'IncidentAccepted', phases: ['reported'], free: true, main: true},
  {word: 'act_verify', what: 'IncidentVerified', phases: ['reported', 'accepted'], details: {confirmed: true}, free: true, main: true},
  {word: 'act_verify_not', what: 'IncidentVerified', phases: ['reported', 'accepted'], details: {confirmed: false}, free: true},
  {word: 'act_file', what: 'IncidentFiled', phases: unfiled, free: true, then: 'then_file', main: true},
  {word: 'act_refuse', what: 'IncidentRefused', phases: unfiled, inputs: [choice('reason', ['REFUSAL_REASON_NOT_OURS', 'REFUSAL_REASON_NOT_FOUND', 'REFUSAL_REASON_NOT_ENOUGH_TOLD', 'REFUSAL_REASON_DUPLICATE']), {name: 'next_owner', word: 'd_nextOwner', kind: 'text', optional: true}]},
  {word: 'act_take', what: 'DispatchAccepted', phases: ['dispatched'], main: true},
  {word: 'act_start', what: 'HandlingStarted', phases: ['dispatched', 'acknowledged'], main: true},
  {word: 'act_finish', what: 'HandlingFinished', phases: withUnit, paused: false, then: 'then_finish', main: true},
  {word: 'act_pass', what: 'CheckPassed', phases: ['handled'], notHandler: true, main: true},
  {word: 'act_fail', what: 'CheckFailed', phases: ['handled'], notHandler: true, then: 'then_fail'},
  {word: 'act_close', what: 'IncidentClosed', phases: ['checked'], notHandler: true, then: 'then_close', main: true, inputs: [choice('disposition', ['DISPOSITION_SOLVED', 'DISPOSITION_NOT_SOLVED', 'DISPOSITION_NOT_FOUND', 'DISPOSITION_TRANSFERRED'])]},
  {word: 'act_close', what: 'IncidentClosed', phases: cases.slice(0, -1), notHandler: true, then: 'then_close', inputs: [choice('disposition', ['DISPOSITION_NOT_SOLVED', 'DISPOSITION_NOT_FOUND', 'DISPOSITION_TRANSFERRED'])]},
  {word: 'act_decline', what: 'DispatchDeclined', phases: ['dispatched'], then: 'then_decline', inputs: [choice('reason', ['DECLINE_REASON_OVERLOADED', 'DECLINE_REASON_OFF_DUTY', 'DECLINE_REASON_LACKS_SKILL'])]},
  {word: 'act_return', what: 'DispatchReturned', phases: ['dispatched', 'acknowledged'], then: 'then_return', inputs: [{name: 'next_owner', word: 'd_nextOwner', kind: 'unit', optional: true}]},
  {word: 'act_dispatch', what: 'IncidentDispatched', phases: ['filed', ...withUnit], inputs: [{name: 'unit', word: 'unit', kind: 'unit'}, {name: 'member', word: 'member', kind: 'text', optional: true}]},
  {word: 'act_pause', what: 'HandlingPaused', phases: cases, paused: false, then: 'then_pause', inputs: [choice('kind', ['PAUSE_KIND_PENDED', 'PAUSE_KIND_DEFERRED', 'PAUSE_KIND_AWAITING'])]},
  {word: 'act_resume', what: 'HandlingResumed', phases: cases, paused: true, main: true},
  {word: 'act_extend', what: 'DeadlineExtended', phases: cases, inputs: [{name: 'due_at_ms', word: 'new_deadline', kind: 'instant'}]},
  {word: 'act_merge', what: 'IncidentMerged', phases: [...unfiled, ...cases], inputs: [{name: 'into', word: 'into_id', kind: 'text'}]},
  {word: 'act_void', what: 'IncidentVoided', phases: [...unfiled, ...cases], then: 'then_void', inputs: [choice('reason', ['VOIDING_REASON_WITHDRAWN', 'VOIDING_REASON_NOT_FOUND', 'VOIDING_REASON_FALSE_REPORT', 'VOIDING_REASON_TEST'])]},
  {word: 'act_reopen', what: 'IncidentReopened', phases: ['closed'], citizen: true, then: 'then_reopen', inputs: [choice('reason', ['REOPEN_REASON_RECURRED', 'REOPEN_REASON_DISSATISFIED', 'REOPEN_REASON_CLOSED_IN_ERROR'])]},
];

// Who has worked on it since it was filed or reopened.
function handledBy(life: Life): Set<string> {
  const people = new Set<string>();
  for (const line of life.timeline) {
    if (line.verdict !== 'applied') continue;
    if (line.what === 'IncidentFiled' || line.what === 'IncidentReopened') people.clear();
    if ((line.what === 'HandlingStarted' || line.what === 'HandlingFinished') && line.who?.code) people.add(line.who.code);
  }
  return people;
}

function actsFor(session: Session, life: Life, present: Present): Act[] {
  const roles = session.roles.map(roleKey);
  const isStaff = roles.some((role) => staff.includes(role));
  const isHandler = session.code !== '' && handledBy(life).has(session.code);
  return acts.filter((act) => act.phases.includes(present.phase) &&
    (act.paused === undefined || act.paused === (present.paused_at !== null)) &&
    !(act.notHandler === true && isHandler) &&
    ((isStaff && (act.free === true || session.code !== '')) || (act.citizen === true && roles.includes('citizen'))));
}

// ---- the page

const queues: [string, Record<string, string>][] = [
  ['queue_intake', {phase: 'reported,accepted,verified'}],
  ['queue_dispatch', {phase: 'filed'}],
  ['queue_work', {phase: 'dispatched,acknowledged,handling'}],
  ['queue_check', {phase: 'handled'}],
  ['queue_close', {phase: 'checked'}],
];

export function Desk() {
  const {session} = useCity();
  if (session === null) return <><h1>{t('desk')}</h1><Loading rows={4} /></>;
  if (session.anonymous) return <LogIn />;
  return <Work session={session} />;
}

function LogIn() {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [refused, setRefused] = useState('');
  const [sending, setSending] = useState(false);
  return (
    <div class="log_in">
      <h1>{t('desk')}</h1>
      <p class="quiet">{t('login_lead')}</p>
      <form onSubmit={async (event) => {
        event.preventDefault();
        setSending(true);
        setRefused('');
        try {
          city.session = await send<Session>('POST', '/session', {name, password});
          city.tell();
        } catch (error) {
          const problem = error as Problem;
          setRefused(problem.status === 401 ? t('wrong_password') : refusalText(problem));
        }
        setSending(false);
      }}>
        <label>{t('name')}<input type="text" name="name" autocomplete="username" required value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
        <label>{t('password')}<input type="password" name="password" autocomplete="current-password" required value={password} onInput={(event) => setPassword(event.currentTarget.value)} /></label>
        {refused !== '' && <p class="refused" role="alert">{refused}</p>}
        <button type="submit" class="main" disabled={sending}>{sending ? t('sending') : t('log_in')}</button>
      </form>
    </div>
  );
}

function Work({session}: {session: Session}) {
  const address = useAddress();
  const mine: [string, Record<string, string>][] = session.code === '' ? [] : [['queue_mine', {member: session.code}]];
  const all = [...mine, ...queues];
  const named = address.query.get('queue');
  const [queue, filters] = all.find(([name]) => name === named) ?? all.find(([name]) => name === firstQueue(session)) ?? all[0]!;
  const unit = session.units.length === 1 && queue !== 'queue_intake' && queue !== 'queue_mine' ? session.units[0] : undefined;
  const id = address.query.get('id');
  const answer = useAnswer<List>(`/incidents${query({...filters, unit, limit: '50'})}`, 1000);
  const now = useNow();
  return (
    <>
      <h1>{t('desk')} <span class="quiet small">{t('logged_in_as', session.name, session.roles.map(roleWord).join(' · ') || t('no_role'))}</span></h1>
      <div class="chips" role="group" aria-label={t('queue')}>
        {all.map(([name]) => <Link key={name} class={`button${name === queue ? ' chosen' : ''}`} aria-current={name === queue ? 'true' : undefined} href={withQuery({queue: name, id: undefined})}>{t(name)}</Link>)}
      </div>
      <div class={`desk${id === null ? '' : ' one'}`}>
        <section aria-label={t('queue')} class="queue">
          <Shown answer={answer} rows={8}>{(list) => list.incidents.length === 0 ? <Empty title={t('queue_empty')} /> : (
            <ul>{list.incidents.map((row) => (
              <li key={row.id}>
                <Link href={withQuery({id: row.id})} aria-current={row.id === id ? 'true' : undefined}>
                  <LightMark light={lightOf(row)} />
                  <span class="id">{row.id}</span>
                  <span class="quiet">{phaseWord(row.phase)}</span>
                  <span class="name">{categoryName(row.category)}</span>
                  <Left due={row.due_at} paused={row.paused} closed={false} now={now} />
                </Link>
              </li>
            ))}</ul>
          )}</Shown>
        </section>
        <section aria-label={t('incident')}>
          {id === null ? <Empty title={t('choose_incident')} /> : <One key={id} id={id} session={session} />}
        </section>
      </div>
    </>
  );
}

function firstQueue(session: Session): string {
  const roles = session.roles.map(roleKey);
  if (roles.includes('checker')) return 'queue_check';
  if (roles.includes('shift_leader')) return 'queue_close';
  if (roles.includes('dispatcher')) return 'queue_dispatch';
  if (roles.includes('handler') && session.code !== '') return 'queue_mine';
  return 'queue_intake';
}

function One({id, session}: {id: string; session: Session}) {
  const answer = useAnswer<Life>(`/incidents/${encodeURIComponent(id)}`, 1000);
  const now = useNow();
  if (answer.error?.status === 404) return <Empty title={t('not_found_incident')} />;
  return (
    <>
      <h2><Link href={`/incidents/${encodeURIComponent(id)}`} class="id">{id}</Link></h2>
      <Shown answer={answer} rows={8}>{(life) => life.present === null ? <Empty title={t('not_reported_yet')} /> : (
        <>
          <Head id={id} present={life.present} light={lightNow(life)} now={now} desk={false} />
          <Acts life={life} present={life.present} session={session} again={answer.again} />
          <ClockAxis life={life} now={now} />
          <h2>{t('timeline')}</h2>
          <Timeline lines={life.timeline} />
        </>
      )}</Shown>
    </>
  );
}

function Acts({life, present, session, again}: {life: Life; present: Present; session: Session; again: () => void}) {
  const [chosen, setChosen] = useState<Act | null>(null);
  const [said, setSaid] = useState<{good: boolean; text: string} | null>(null);
  const [sending, setSending] = useState(false);
  const possible = actsFor(session, life, present);
  const act = async (one: Act, details: Record<string, unknown>) => {
    setSending(true);
    setSaid(null);
    try {
      const judged = await send<Judged>('POST', `/incidents/${encodeURIComponent(life.id)}/facts`, {what: one.what, details: {...one.details, ...details}},
        {'If-Match': `"${present.stage}"`, 'X-CSRF-Token': session.csrf ?? ''});
      setSaid({good: true, text: judged.verdict === 'parked' ? t('parked_act') : t('done_act', factWord(one.what), number(judged.offset))});
      setChosen(null);
    } catch (error) {
      const problem = error as Problem;
      setSaid({good: false, text: refusalText(problem)});
      if (problem.status === 401) await city.readSession();
    }
    setSending(false);
    again();
  };
  const isHandler = session.code !== '' && handledBy(life).has(session.code) && ['handled', 'checked'].includes(present.phase);
  return (
    <div class="acts">
      <h3>{t('acts')}</h3>
      {session.code === '' && <p class="quiet">{t('needs_code')}</p>}
      {isHandler && <p class="quiet">{t('you_handled')}</p>}
      {possible.length === 0 ? <p class="quiet">{t('no_acts')}</p> : (
        <div class="row">{possible.map((one) => (
          <button type="button" key={one.word + String(one.main)} data-act={one.word} class={one.main ? 'main' : ''} disabled={sending} aria-expanded={one.inputs === undefined ? undefined : chosen === one}
            title={one.then === undefined ? undefined : t(one.then)}
            onClick={() => (one.inputs === undefined ? void act(one, {}) : setChosen(chosen === one ? null : one))}>{t(one.word)}</button>
        ))}</div>
      )}
      {chosen !== null && possible.includes(chosen) && <Ask key={chosen.word + chosen.phases.join()} act={chosen} present={present} sending={sending} cancel={() => setChosen(null)} confirm={(details) => void act(chosen, details)} />}
      <p role="status" class={said === null ? '' : said.good ? 'accepted' : 'refused'}>{said?.text}</p>
    </div>
  );
}

function Ask({act, present, sending, cancel, confirm}: {act: Act; present: Present; sending: boolean; cancel: () => void; confirm: (details: Record<string, unknown>) => void}) {
  const {policy} = useCity();
  const first = (input: Input) => (input.kind === 'choice' ? input.options[0]! : input.kind === 'instant' ? wallOf(Date.parse(present.deadline ?? new Date().toISOString()) + 86400e3) : '');
  const [values, setValues] = useState<Record<string, string>>(Object.fromEntries(act.inputs!.map((input) => [input.name, first(input)])));
  const field = (input: Input): ComponentChildren => {
    const value = values[input.name] ?? '';
    const set = (next: string) => setValues({...values, [input.name]: next});
    if (input.kind === 'choice') return <select value={value} onChange={(event) => set(event.currentTarget.value)}>{input.options.map((one) => <option key={one} value={one}>{wordOr(one, one)}</option>)}</select>;
    if (input.kind === 'unit') {
      return <select value={value} required={!input.optional} onChange={(event) => set(event.currentTarget.value)}><option value="">—</option>{(policy?.units ?? []).map((one) => <option key={one} value={one}>{one}</option>)}</select>;
    }
    return <input type={input.kind === 'instant' ? 'datetime-local' : 'text'} value={value} required={!input.optional} maxLength={128} onInput={(event) => set(event.currentTarget.value)} />;
  };
  return (
    <form class="ask" onSubmit={(event) => {
      event.preventDefault();
      confirm(Object.fromEntries(act.inputs!.flatMap((input) => {
        const value = values[input.name] ?? '';
        if (value === '') return [];
        return [[input.name, input.kind === 'instant' ? String(Date.parse(instantOfWall(value) ?? '')) : value]];
      })));
    }}>
      {act.then !== undefined && <p class="quiet">{t(act.then)}</p>}
      {act.inputs!.map((input) => <label key={input.name}>{t(input.word)}{field(input)}</label>)}
      <div class="row">
        <button type="submit" class="main" disabled={sending}>{t('confirm_act')}</button>
        <button type="button" onClick={cancel}>{t('cancel')}</button>
      </div>
    </form>
  );
}
