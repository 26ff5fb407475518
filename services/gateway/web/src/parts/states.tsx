// What a page shows while it has nothing, cannot have it, or has it from earlier.
import type {ComponentChildren} from 'preact';
import type {Problem} from '../api';
import {clockFine} from '../format';
import type {Answer} from '../live';
import {t} from '../words';

// The shape of what comes.
export const Loading = ({rows = 4}: {rows?: number}) => (
  <div class="loading" role="status">
    <span class="unseen">{t('loading')}</span>
    {Array.from({length: rows}, (_, i) => <div class="bone" key={i} aria-hidden="true" />)}
  </div>
);

export const problemText = (problem: Problem) =>
  problem.status === 0 ? t('failed_network') : t('failed_status', problem.status, problem.message || '—');

export const Failed = ({problem, again}: {problem: Problem; again: () => void}) => (
  <div class="failed" role="alert">
    <p><strong>{t('failed')}</strong> {problemText(problem)}</p>
    <button type="button" onClick={again}>{t('retry')}</button>
  </div>
);

export const Empty = ({title, children}: {title: string; children?: ComponentChildren}) => (
  <div class="empty"><p>{title}</p>{children}</div>
);

// Whichever of them holds, or the answer; above it since when it is stale.
export function Shown<T>({answer, rows, children}: {answer: Answer<T>; rows?: number; children: (data: T) => ComponentChildren}) {
  if (answer.data !== null) {
    return (
      <>
        {answer.error !== null && <p class="stale" role="status">{t('stale', clockFine(answer.at))} <button type="button" class="plain" onClick={answer.again}>{t('retry')}</button></p>}
        {children(answer.data)}
      </>
    );
  }
  if (answer.error !== null) return <Failed problem={answer.error} again={answer.again} />;
  return <Loading rows={rows} />;
}
