// The bulletin of a day or a month: the city's figures when it began and when it ended, side by
// side, and what changed. Made to be printed.
import {ask, query, rates, type Count, type Counts, type Figures} from '../api';
import {cityZone, day, instant, instantOfWall, number, percent} from '../format';
import {useAsked, useCity} from '../live';
import {categoryName} from '../parts/names';
import {Shown} from '../parts/states';
import {go, useAddress, withQuery} from '../router';
import {t} from '../words';

const dimensions = ['community', 'unit', 'category'] as const;
type Dimension = (typeof dimensions)[number];
const whole: Count[] = ['reported', 'filed', 'open', 'closed', 'solved', 'due_to_close', 'closed_on_time', 'deadline_missed', 'reopened', 'reworked', 'voided'];
const inRows: Count[] = ['reported', 'filed', 'closed', 'deadline_missed'];
const otherNames = '(other names)';

// "2021-01" or "2021-01-31", and its first instant and that of the next one.
interface Period {
  name: string;
  from: string;
  until: string;
}

function periodCalled(name: string): Period | null {
  const found = /^(\d{4})-(\d{2})(?:-(\d{2}))?$/.exec(name);
  if (found === null) return null;
  const [year, month, date] = [Number(found[1]), Number(found[2]), found[3] === undefined ? null : Number(found[3])];
  const first = new Date(Date.UTC(year, month - 1, date ?? 1));
  const next = date === null ? new Date(Date.UTC(year, month, 1)) : new Date(Date.UTC(year, month - 1, date + 1));
  if (!first.toISOString().startsWith(name)) return null;
  const from = instantOfWall(`${first.toISOString().slice(0, 10)}T00:00`);
  const until = instantOfWall(`${next.toISOString().slice(0, 10)}T00:00`);
  return from === null || until === null ? null : {name, from, until};
}

interface Sides {
  from: Record<Dimension, Figures>;
  until: Record<Dimension, Figures>;
  present: string | null;
}

async function figuresAt(at: string, signal: AbortSignal): Promise<Record<Dimension, Figures>> {
  const found: Partial<Record<Dimension, Figures>> = {};
  // One after the other: the first of an instant makes the sheet that the others are read from.
  for (const by of dimensions) found[by] = await ask<Figures>(`/metrics${query({by, as_of: at})}`, {signal});
  return found as Record<Dimension, Figures>;
}

export function Bulletin() {
  const address = useAddress();
  const {policy} = useCity();
  const asked = address.query.get('period') ?? '';
  const answer = useAsked<{period: Period; sides: Sides}>(`bulletin ${asked} ${policy?.version ?? ''}`, async (signal) => {
    const present = (await ask<Figures>('/metrics', {signal})).present;
    const period = periodCalled(asked) ?? periodCalled(day(present ?? new Date()).slice(0, 7));
    if (period === null) throw new Error('no period');
    // A period that is not over is told as far as the record goes.
    const until = present !== null && Date.parse(present) < Date.parse(period.until) ? present : period.until;
    return {period, sides: {from: await figuresAt(period.from, signal), until: await figuresAt(until, signal), present}};
  }, 0);
  const choose = (name: string) => {
    if (periodCalled(name) !== null) go(withQuery({period: name}));
  };
  return (
    <article class="bulletin">
      <h1>{t('bulletin_title', answer.data?.period.name ?? asked)}</h1>
      <Shown answer={answer} rows={14}>{({period, sides}) => (
        <>
          <form class="unprinted" onSubmit={(event) => event.preventDefault()}>
            <label>{t('bulletin_month')} <input type="month" value={period.name.slice(0, 7)} onChange={(event) => choose(event.currentTarget.value)} /></label>
            <label>{t('bulletin_day')} <input type="date" value={period.name.length === 10 ? period.name : ''} onChange={(event) => choose(event.currentTarget.value)} /></label>
            <button type="button" onClick={() => print()}>{t('bulletin_print')}</button>
          </form>
          <p class="as_of">{t('bulletin_sides', instant(sides.from.community.as_of), instant(sides.until.community.as_of), cityZone())}
            {sides.present !== null && Date.parse(sides.present) < Date.parse(period.until) && <> · <strong>{t('bulletin_not_over')}</strong></>}</p>
          <Whole from={sides.from.community.total} until={sides.until.community.total} />
          {dimensions.map((by) => <Rows key={by} by={by} from={sides.from[by]} until={sides.until[by]} />)}
          <h2>{t('bulletin_notes')}</h2>
          <ul class="notes">
            <li>{t('bulletin_net')}</li>
            {rates.map((name) => <li key={name}>{t(name)}: {t(`${name}_formula`)} · {t(`${name}_source`)}</li>)}
            <li>{t('formulas_version', sides.until.community.formulas_version)}</li>
          </ul>
        </>
      )}</Shown>
    </article>
  );
}

const signed = (value: number) => (value > 0 ? `+${number(value)}` : number(value));

// In percentage points, from the two rates as they are printed; none where one of them is not there.
function pointsBetween(from: Counts, until: Counts, name: (typeof rates)[number]): string {
  const [a, b] = [from.rates[name], until.rates[name]];
  if (a.denominator === 0 || b.denominator === 0) return '—';
  const hundredths = (rate: typeof a) => Math.floor((rate.numerator * 20000 + rate.denominator) / (2 * rate.denominator));
  const between = hundredths(b) - hundredths(a);
  return t('bulletin_points', `${between > 0 ? '+' : ''}${(between / 100).toFixed(2)}`);
}

function Whole({from, until}: {from: Counts; until: Counts}) {
  const fraction = (counts: Counts, name: (typeof rates)[number]) => {
    const {numerator, denominator} = counts.rates[name];
    return <>{percent(numerator, denominator)} <span class="quiet">{t('of_which', number(numerator), number(denominator))}</span></>;
  };
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t('bulletin_whole')}>
      <table>
        <caption>{t('bulletin_whole')}</caption>
        <thead><tr><td /><th scope="col" class="right">{t('bulletin_begin')}</th><th scope="col" class="right">{t('bulletin_end')}</th><th scope="col" class="right">{t('bulletin_change')}</th></tr></thead>
        <tbody>
          {rates.map((name) => (
            <tr key={name}><th scope="row">{t(name)}</th><td class="right">{fraction(from, name)}</td><td class="right strong">{fraction(until, name)}</td><td class="right">{pointsBetween(from, until, name)}</td></tr>
          ))}
          {whole.map((name) => (
            <tr key={name} data-count={name}><th scope="row">{t(name)}</th><td class="right">{number(from[name])}</td><td class="right">{number(until[name])}</td><td class="right strong">{signed(until[name] - from[name])}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function keyWord(by: Dimension, key: string): string {
  if (key === otherNames) return t('other_names');
  if (key === '') return by === 'unit' ? t('no_unit') : '—';
  return by === 'category' ? categoryName(key) : key;
}

function Rows({by, from, until}: {by: Dimension; from: Figures; until: Figures}) {
  const before = new Map(from.rows.map((row) => [row.key, row]));
  // A unit that had cases may have none any more: it changed, too.
  const keys = [...new Set([...until.rows, ...from.rows].map((row) => row.key))].sort();
  const after = new Map(until.rows.map((row) => [row.key, row]));
  const count = (rows: Map<string, Counts>, key: string, name: Count) => rows.get(key)?.[name] ?? 0;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t('bulletin_by', t(by))}>
      <table data-by={by}>
        <caption>{t('bulletin_by', t(by))}</caption>
        <thead><tr><th scope="col">{t(by)}</th>{inRows.map((name) => <th scope="col" class="right" key={name}>{t(name)} {t('bulletin_change_short')}</th>)}
          <th scope="col" class="right">{t('open')} {t('bulletin_end_short')}</th><th scope="col" class="right">{t('on_time')} {t('bulletin_end_short')}</th></tr></thead>
        <tbody>
          {keys.map((key) => {
            const rate = after.get(key)?.rates.on_time ?? {numerator: 0, denominator: 0};
            return (
              <tr key={key}><th scope="row" class="name">{keyWord(by, key)}</th>
                {inRows.map((name) => <td class="right" key={name}>{signed(count(after, key, name) - count(before, key, name))}</td>)}
                <td class="right">{number(count(after, key, 'open'))}</td>
                <td class="right">{percent(rate.numerator, rate.denominator)} <span class="quiet">{number(rate.numerator)}/{number(rate.denominator)}</span></td></tr>
            );
          })}
          <tr class="sum"><th scope="row">{t('index_total')}</th>
            {inRows.map((name) => <td class="right" key={name}>{signed(until.total[name] - from.total[name])}</td>)}
            <td class="right">{number(until.total.open)}</td>
            <td class="right">{percent(until.total.rates.on_time.numerator, until.total.rates.on_time.denominator)} <span class="quiet">{number(until.total.rates.on_time.numerator)}/{number(until.total.rates.on_time.denominator)}</span></td></tr>
        </tbody>
      </table>
    </div>
  );
}
