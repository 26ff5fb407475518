// Who is on duty, how much they have, and what is due next.
import {ask, countOf, query, type List, type Member, type Members} from '../api';
import {clock, day, instant, number} from '../format';
import {useAnswer, useAsked, useCity} from '../live';
import {IncidentTable} from '../parts/incident_table';
import {Empty, Shown} from '../parts/states';
import {Link} from '../router';
import {t} from '../words';

export function Duty() {
  const answer = useAnswer<Members>('/members', 5000);
  return (
    <>
      <h1>{t('duty')}</h1>
      <div class="columns">
        <section aria-labelledby="on_duty_title">
          <Shown answer={answer} rows={10}>{(members) => <Units members={members} />}</Shown>
        </section>
        <section aria-labelledby="deadlines_title"><Deadlines /></section>
      </div>
    </>
  );
}

function Units({members}: {members: Members}) {
  const {policy} = useCity();
  const units = new Map<string, Member[]>();
  for (const name of policy?.units ?? []) units.set(name, []);
  // A member who is registered in several partitions is one person.
  const seen = new Map<string, Member>();
  for (const one of members.members) {
    const key = `${one.unit}\n${one.member}`;
    const was = seen.get(key);
    seen.set(key, was === undefined ? {...one} : {...was, open: was.open + one.open, on_duty: was.on_duty || one.on_duty, until: was.until ?? one.until});
  }
  for (const one of seen.values()) units.set(one.unit, [...(units.get(one.unit) ?? []), one]);
  const rows = [...units].map(([unit, all]) => ({unit, all, on: all.filter((one) => one.on_duty)}));
  const gaps = rows.filter((row) => row.on.length === 0);
  const staffed = rows.filter((row) => row.on.length > 0).sort((a, b) => a.unit.localeCompare(b.unit));
  return (
    <>
      {gaps.length === 0 ? <p class="quiet">{t('duty_no_gaps')}</p> : (
        <div class="gaps">
          <h2>{t('duty_gaps')} <span class="quiet">{number(gaps.length)}</span></h2>
          <ul>{gaps.map((row) => <li key={row.unit}><span class="name">{row.unit || '—'}</span><span class="quiet">{t('on_duty_of', number(0), number(row.all.length))}</span></li>)}</ul>
        </div>
      )}
      <h2 id="on_duty_title">{t('on_duty')} <span class="quiet">{t('as_of', instant(members.at))}</span></h2>
      <ul class="units">{staffed.map((row) => {
        const changes = row.on.map((one) => one.until).filter((until): until is string => until !== null).sort((a, b) => Date.parse(a) - Date.parse(b));
        return (
          <li key={row.unit}>
            <details>
              <summary>
                <span class="name">{row.unit}</span>
                <span>{t('on_duty_of', number(row.on.length), number(row.all.length))}</span>
                <span class="right">{t('open_load')} {number(row.all.reduce((sum, one) => sum + one.open, 0))}</span>
                <span class="right quiet">{changes.length === 0 ? t('round_the_clock') : `${t('next_change')} ${near(changes[0]!, members.at)}`}</span>
              </summary>
              <p><Link href={`/incidents${query({unit: row.unit})}`}>{t('all_open')}</Link></p>
              <table>
                <caption class="unseen">{t('members_of', row.unit)}</caption>
                <thead><tr><th scope="col">{t('member')}</th><th scope="col" class="right">{t('open_load')}</th><th scope="col" class="right">{t('until')}</th></tr></thead>
                <tbody>{row.on.sort((a, b) => b.open - a.open || a.member.localeCompare(b.member)).map((one) => (
                  <tr key={one.member}>
                    <td class="name">{one.member}</td>
                    <td class="right">{one.open > 0 ? <Link href={`/incidents${query({member: one.member})}`}>{number(one.open)}</Link> : number(0)}</td>
                    <td class="right">{one.until === null ? t('round_the_clock') : near(one.until, members.at)}</td>
                  </tr>
                ))}</tbody>
              </table>
            </details>
          </li>
        );
      })}</ul>
    </>
  );
}

// The hour alone on the same day.
const near = (at: string, from: string) => (day(at) === day(from) ? clock(at) : instant(at));

function Deadlines() {
  const answer = useAsked('deadlines', async (signal) => {
    const filters = {due_from: new Date().toISOString(), due_until: new Date(Date.now() + 8 * 3600e3).toISOString()};
    const [list, all] = await Promise.all([
      ask<List>(`/incidents${query({...filters, limit: '20'})}`, {signal}),
      countOf(filters, signal)]);
    return {list, all, filters};
  }, 5000);
  return (
    <Shown answer={answer} rows={8}>{({list, all, filters}) => (
      <>
        <h2 id="deadlines_title">{t('next_deadlines')} <Link class="more" href={`/incidents${query(filters)}`}>{all.exact ? number(all.count) : t('at_least', number(all.count))}</Link></h2>
        {list.incidents.length === 0 ? <Empty title={t('no_deadlines')} />
          : <IncidentTable rows={list.incidents} short caption={t('next_deadlines')} keys />}
      </>
    )}</Shown>
  );
}
