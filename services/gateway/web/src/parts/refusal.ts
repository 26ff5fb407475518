// What a refusal means, in plain words.
import type {Problem} from '../api';
import {groundWord, t, voidWord} from '../words';

export function refusalText(problem: Problem): string {
  const {status, said} = problem;
  const text = (name: string) => (typeof said[name] === 'string' ? (said[name] as string) : '');
  const ground = text('ground') === '' ? '' : groundWord(text('ground'));
  const because = [ground, text('detail')].filter((one) => one !== '').join(' · ') || text('title');
  switch (status) {
    case 0: return t('failed_network');
    case 401: return t('refused_401');
    case 403: return t('refused_403', because);
    case 409: return t('not_allowed', voidWord(text('reason')));
    case 412: return t('moved_on');
    case 422: return t('refused_422', because);
    case 429: return t('refused_429');
    default: return t('refused_other', because || String(status));
  }
}
