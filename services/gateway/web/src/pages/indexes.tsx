// The rates by dimension, each with its formula and where that is from.
import {useState} from 'preact/hooks';
import {query, rates, type Count, type Counts, type Figures, type RateName} from '../api';
import {instant, instantFine, number, percent} from '../format';
import {useAnswer} from '../live';
import {categoryName} from '../parts/names';
import {Shown} from '../parts/states';
import {useAsOf} from '../parts/time_bar';
import {go, Link, useAddress, withQuery} from '../router';
import {t} from '../words';

const dimensions = ['category', 'unit', 'area', 'community', 'hour'] as const;
type Dimension = (typeof dimensions)[number];
const shownCounts: Count[] = ['reported', 'filed', 'open', 'closed', 'due_to_close', 'closed_on_time', 'deadline_missed', 'solved', 'reworked', 'reopened', 'voided'];
const otherNames = '(other names)';

// The list that shows just the incidents of a count; nothing where none does. An area of the name of
// a community stands for reports without a grid, which the list cannot tell from the community's.
function listOf(count: Count, by: Dimension | null, key: string, communities: Set<string>): string | undefined {
  const which = {reported: {all: 'true'}, open: {}, closed: {phase: 'closed'}, voided: {phase: 'voided'}}[count as string] as Record<string, string> | undefined;
  if (which === undefined) return undefined;
  if (by === null) return `/incidents${query(which)}`;
  if (by === 'hour' || key === '' || key === otherNames || (by === 'area' && communities.has(key))) return undefined;
  return `/incidents${query({...which, [by]: key})}`;
}

export function Indexes() {
  const asOf = useAsOf();
  const address = useAddress();
  const by = (dimensions as readonly string[]).includes(address.query.get('by') ?? '') ? address.query.get('by') as Dimension : 'category';
  const rate = (rates as readonly string[]).includes(address.query.get('rate') ?? '') ? address.query.get('rate') as RateName : 'rectification';
  const every = asOf === null ? 2000 : 0;
  const answer = useAnswer<Figures>(`/metrics${query({by, as_of: asOf ?? undefined})}`, every);
  const communities = useAnswer<Figures>('/metrics?by=community', 0);
  return (
    <>
      <h1>{t('indexes')} <Link class="more" href="/bulletin">{t('bulletin')}</Link></h1>
      <Shown answer={answer} rows={10}>{(figures) => (
        <>
          <p class="as_of">{t('as_of', '')}<time dateTime={figures.as_of} data-as-of={figures.as_of}>{asOf === null ? instantFine(figures.as_of) : instant(figures.as_of)}</time> · {t('formulas_version', figures.formulas_version)}</p>
          <div class="indexes" role="group" aria-label={t('rate')}>
            {rates.map((name) => {
              const {numerator, denominator} = figures.total.rates[name];
              return (
                <button type="button" key={name} data-rate={name} aria-pressed={name === rate} onClick={() => go(withQuery({rate: name}))}>
                  <span class="label">{t(name)}</span>
                  <span class="value">{percent(numerator, denominator)}</span>
                  <span class="small">{t('of_which', number(numerator), number(denominator))}</span>
                  <span class="small">{t(`${name}_formula`)}</span>
                  <span class="small source">{t(`${name}_source`)}</span>
                </button>
              );
            })}
          </div>
          <div class="chips" role="group" aria-label={t('by')}>
            <span class="quiet">{t('by')}</span>
            {dimensions.map((one) => <button type="button" key={one} aria-pressed={one === by} onClick={() => go(withQuery({by: one}))}>{t(one)}</button>)}
          </div>
          <RateTable figures={figures} by={by} rate={rate} isNow={asOf === null} communities={new Set(communities.data?.rows.map((row) => row.key) ?? [])}
            knows={communities.data !== null} />
          {asOf === null && <p class="quiet note">{t('links_note')}</p>}
        </>
      )}</Shown>
    </>
  );
}

interface TableProps {
  figures: Figures;
  by: Dimension;
  rate: RateName;
  isNow: boolean;
  communities: Set<string>;
  knows: boolean;
}

function RateTable({figures, by, rate, isNow, communities, knows}: TableProps) {
  const [order, setOrder] = useState<{column: string; down: boolean}>({column: 'key', down: false});
  const value = (row: Counts & {key: string}, column: string): number | string => {
    if (column === 'key') return keyWord(by, row.key);
    if (column === 'rate') return row.rates[rate].denominator === 0 ? -1 : row.rates[rate].numerator / row.rates[rate].denominator;
    return row[column as Count];
  };
  const rows = [...figures.rows].sort((a, b) => {
    const x = value(a, order.column), y = value(b, order.column);
    const sign = typeof x === 'number' && typeof y === 'number' ? x - y : String(x).localeCompare(String(y), undefined, {numeric: true});
    return order.down ? -sign : sign;
  });
  const head = (column: string, word: string, right: boolean) => (
    <th scope="col" key={column} class={right ? 'right' : ''} aria-sort={order.column === column ? (order.down ? 'descending' : 'ascending') : undefined}>
      <button type="button" title={t('sort_by', word)} onClick={() => setOrder({column, down: order.column === column ? !order.down : right})}>
        {word}{order.column === column && <span aria-hidden="true">{order.down ? ' ↓' : ' ↑'}</span>}
      </button>
    </th>
  );
  const cell = (count: Count, counts: Counts, dimension: Dimension | null, key: string) => {
    const shown = number(counts[count]);
    const href = isNow && (by !== 'area' || knows || dimension === null) ? listOf(count, dimension, key, communities) : undefined;
    return <td class="right" key={count}>{href !== undefined && counts[count] > 0
      ? <Link href={href} title={t('show_incidents', shown)}>{shown}</Link> : shown}</td>;
  };
  const rateCells = (counts: Counts) => {
    const {numerator, denominator} = counts.rates[rate];
    return (
      <>
        <td class="right strong">{percent(numerator, denominator)}</td>
        <td class="meter"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          <rect width="100" height="8" class="meter_ground" /><rect width={denominator === 0 ? 0 : (100 * numerator) / denominator} height="8" class="bar" /></svg></td>
      </>
    );
  };
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`${t(rate)} · ${t(by)}`}>
      <table>
        <caption class="unseen">{t(rate)} · {t(by)}</caption>
        <thead><tr>{head('key', t(by), false)}{head('rate', t(rate), true)}<td />{shownCounts.map((count) => head(count, t(count), true))}</tr></thead>
        <tbody>
          <tr class="sum"><th scope="row">{t('index_total')}</th>{rateCells(figures.total)}{shownCounts.map((count) => cell(count, figures.total, null, ''))}</tr>
          {rows.map((row) => (
            <tr key={row.key}><th scope="row" class="name">{keyWord(by, row.key)}</th>{rateCells(row)}{shownCounts.map((count) => cell(count, row, by, row.key))}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function keyWord(by: Dimension, key: string): string {
  if (key === otherNames) return t('other_names');
  if (key === '') return by === 'unit' ? t('no_unit') : '—';
  if (by === 'category') return categoryName(key);
  return by === 'hour' ? `${key}:00` : key;
}
