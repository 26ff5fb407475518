// What was said of an incident, by whom, and what became of it.
import type {Line} from '../api';
import {instant, instantFine, number} from '../format';
import {categoryName} from './names';
import {factWord, postWord, roleWord, t, voidWord, wordOr} from '../words';

type Candidate = {member: string; load?: number};

// One member of a fact's details, in words.
function detail(name: string, value: unknown): [string, string] | null {
  if (name === 'candidates' || name === 'point') return null;
  const label = wordOr(`d_${name}`, wordOr(name, name));
  if (name === 'dueAtMs') return [label, instant(Number(value))];
  if (name === 'category') return [label, categoryName(String(value))];
  if (name === 'post') return [label, postWord(String(value))];
  if (typeof value === 'boolean') return [label, t(value ? 'yes' : 'no')];
  if (typeof value === 'object') return [label, JSON.stringify(value)];
  return [label, wordOr(String(value), String(value))];
}

export const serviceWord = (service: string) => wordOr(`service_${service}`, service);
const whoWord = (line: Line) => {
  if (line.who === null || line.who === undefined) return '—';
  const code = line.who.role === 'service' ? serviceWord(line.who.code) : line.who.code;
  return code === '' ? roleWord(line.who.role) : `${roleWord(line.who.role)} ${code}`;
};

export function Timeline({lines}: {lines: Line[]}) {
  return (
    <ol class="timeline">
      {lines.map((line, i) => {
        const details = Object.entries(line.details ?? {}).map(([name, value]) => detail(name, value)).filter((one) => one !== null);
        const candidates = (line.details?.candidates ?? []) as Candidate[];
        return (
          <li key={`${line.offset}/${i}`} class={line.verdict}>
            <time dateTime={line.at}>{instantFine(line.at)}</time>
            <div>
              <p class="what"><strong>{factWord(line.what)}</strong> <span class="by">{whoWord(line)}</span>
                {line.inferred === true && <span class="tag">{t('inferred')}</span>}
                {line.verdict === 'parked' && <span class="tag">{t('verdict_parked')}</span>}</p>
              {line.verdict === 'void' && <p class="void_reason">{t('void_because', voidWord(line.reason ?? ''))}</p>}
              {details.length > 0 && <p class="details">{details.map(([label, value]) => <span key={label}><span class="quiet">{label}</span> {value}</span>)}</p>}
              {(line.decision !== undefined || candidates.length > 0) && (
                <details>
                  <summary>{t('decided_by')}{line.decision !== undefined && `: ${line.decision.rule}`}</summary>
                  {line.decision !== undefined && (
                    <dl class="pairs">
                      <div><dt>{t('service')}</dt><dd>{serviceWord(line.decision.service)}</dd></div>
                      <div><dt>{t('rule')}</dt><dd>{line.decision.rule}</dd></div>
                      <div><dt>{t('policy_version')}</dt><dd>{line.decision.policy_version}</dd></div>
                      <div><dt>{t('cause')}</dt><dd>{number(line.decision.cause)}</dd></div>
                    </dl>
                  )}
                  {candidates.length > 0 && (
                    <>
                      <p class="quiet">{t('candidates')}</p>
                      <ul class="candidates">{candidates.map((one) => (
                        <li key={one.member}>{one.member} <span class="quiet">{number(one.load ?? 0)}</span>{one.member === line.details.member && <span class="tag">{t('chosen')}</span>}</li>
                      ))}</ul>
                    </>
                  )}
                </details>
              )}
              <p class="record quiet">{t('record_at', line.partition, number(line.offset))}{line.happened_at !== null && line.happened_at !== undefined && line.happened_at !== line.at && ` · ${t('happened_at', instantFine(line.happened_at))}`}</p>
            </div>
          </li>
        );
      })}
    </ol>
  );
}
