// What an operator looks at first: does each service fold to the end, and what stopped.
import type {DeadLetters, Partitions} from '../api';
import {instantFine, number} from '../format';
import {useAnswer, useCity} from '../live';
import {Figure} from '../parts/figure';
import {Empty, Loading, Shown} from '../parts/states';
import {serviceWord} from '../parts/timeline';
import {t} from '../words';

export function Operations() {
  const {partitions} = useCity();
  const letters = useAnswer<DeadLetters>('/dead-letters?limit=100', 5000);
  return (
    <>
      <h1>{t('operations')}</h1>
      {partitions === null ? <Loading rows={10} /> : <Grid look={partitions} />}
      <div class="columns half">
        <section aria-labelledby="stopped_title">
          <h2 id="stopped_title">{t('stopped')}</h2>
          {partitions === null ? <Loading rows={1} /> : partitions.stopped.length === 0 ? <Empty title={t('stopped_none')} /> : (
            <ul class="trouble">{partitions.stopped.map((one) => (
              <li key={one.partition}><strong>{t('record_at', one.partition, number(one.offset))}</strong> {one.why}</li>
            ))}</ul>
          )}
        </section>
        <section aria-labelledby="letters_title">
          <h2 id="letters_title">{t('dead_letters')}</h2>
          <Shown answer={letters} rows={1}>{({dead_letters: all}) => all.length === 0 ? <Empty title={t('dead_letters_none')} /> : (
            <ul class="trouble">{all.map((one) => (
              <li key={`${one.partition}/${one.offset}`}><strong>{t('record_at', one.partition, number(one.offset))}</strong> {one.reason}</li>
            ))}</ul>
          )}</Shown>
        </section>
      </div>
    </>
  );
}

function Grid({look}: {look: Partitions}) {
  const services = [...new Set(look.tasks.map((task) => task.service))];
  const numbers = [...new Set(look.tasks.map((task) => task.partition))].sort((a, b) => a - b);
  const at = new Map(look.tasks.map((task) => [`${task.service}/${task.partition}`, task]));
  const stopped = new Set(look.stopped.map((one) => one.partition));
  return (
    <>
      <div class="figures five">
        <Figure label={t('state')} value={look.live ? t('live_yes') : t('live_no')} />
        <Figure label={t('incidents')} value={number(look.incidents)} />
        <Figure label={t('voids')} value={number(look.voids)} />
        <Figure label={t('dead_letters')} value={number(look.dead_letters)} />
        <Figure label={t('stopped')} value={number(look.stopped.length)} />
      </div>
      <section aria-labelledby="grid_title">
        <h2 id="grid_title">{t('services_partitions')} <span class="quiet">{t('cell_hint')}</span></h2>
        <div class="scroll" tabIndex={0} role="region" aria-labelledby="grid_title">
          <table class="cells">
            <thead><tr><th scope="col">{t('partition')}</th>{services.map((name) => <th scope="col" class="right" key={name}>{serviceWord(name)}</th>)}
              <th scope="col" class="right">{t('records')}</th><th scope="col" class="right">{t('pending_decisions')}</th><th scope="col" class="right">{t('partition_time')}</th></tr></thead>
            <tbody>{numbers.map((partition) => {
              const tasks = look.tasks.filter((task) => task.partition === partition);
              const newest = tasks.reduce((a, b) => (Date.parse(a.time) > Date.parse(b.time) ? a : b));
              return (
                <tr key={partition}>
                  <th scope="row">{partition}{stopped.has(partition) && <span class="tag">{t('stopped')}</span>}</th>
                  {services.map((name) => {
                    const task = at.get(`${name}/${partition}`);
                    return <td key={name} class={`right${task?.lag ? ' behind' : ''}`}>{task === undefined ? '—' : task.lag === null ? t('lag_unknown') : number(task.lag)}</td>;
                  })}
                  <td class="right">{number(Math.max(...tasks.map((task) => task.end ?? task.offset)))}</td>
                  <td class="right">{number(tasks.reduce((sum, task) => sum + task.pending, 0))}</td>
                  <td class="right quiet">{instantFine(newest.time)}</td>
                </tr>
              );
            })}</tbody>
          </table>
        </div>
      </section>
    </>
  );
}
