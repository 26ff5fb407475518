// What each figure counts, and by which rule.
import {rates} from '../api';
import {duration, percent} from '../format';
import {useCity} from '../live';
import {LightMark} from '../parts/light';
import {categoryName} from '../parts/names';
import {Loading} from '../parts/states';
import {postWord, t} from '../words';

const counts = ['reported', 'filed', 'open', 'closed', 'solved', 'due_to_close', 'closed_on_time', 'deadline_missed'];

export function About() {
  const {policy} = useCity();
  return (
    <>
      <h1>{t('about')}</h1>
      <div class="columns half">
        <div>
          <h2>{t('indexes')}</h2>
          <dl class="pairs long">{rates.map((name) => (
            <div key={name}><dt>{t(name)}</dt><dd>{t(`${name}_formula`)}<br /><span class="quiet">{t(`${name}_source`)}</span></dd></div>
          ))}</dl>
          <h2>{t('about_counts')}</h2>
          <dl class="pairs long">{counts.map((name) => <div key={name}><dt>{t(name)}</dt><dd>{t(`about_${name}`)}</dd></div>)}</dl>
        </div>
        <div>
          <h2>{t('about_lights')}</h2>
          <dl class="pairs long">
            <div><dt><LightMark light="green" word /></dt><dd>{t('about_green')}</dd></div>
            <div><dt><LightMark light="yellow" word /></dt><dd>{policy === null ? '' : t('about_yellow', percent(policy.warn_percent, 100))}</dd></div>
            <div><dt><LightMark light="red" word /></dt><dd>{t('about_red')}</dd></div>
          </dl>
          <h2>{t('about_policy')}</h2>
          {policy === null ? <Loading /> : (
            <>
              <dl class="pairs long">
                <div><dt>{t('policy_version')}</dt><dd>{policy.version}</dd></div>
                {policy.categories.map((one) => (
                  <div key={one.code}><dt>{categoryName(one.code)}</dt><dd>{t('limit')} {one.limit_minutes === null ? t('no_deadline') : duration(one.limit_minutes * 60000)}</dd></div>
                ))}
                {policy.ladder.map((one) => (
                  <div key={one.level}><dt>{t('ladder')} {one.level}</dt><dd>{t('after_missed', duration(one.after_minutes * 60000), postWord(one.post))}</dd></div>
                ))}
              </dl>
            </>
          )}
        </div>
      </div>
    </>
  );
}
