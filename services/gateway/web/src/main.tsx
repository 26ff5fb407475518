import {render} from 'preact';
import {useEffect, useState} from 'preact/hooks';
import {city, useCity} from './live';
import {About} from './pages/about';
import {Bulletin} from './pages/bulletin';
import {City} from './pages/city';
import {Desk} from './pages/desk';
import {Duty} from './pages/duty';
import {Incident} from './pages/incident';
import {Incidents} from './pages/incidents';
import {Indexes} from './pages/indexes';
import {Operations} from './pages/operations';
import {Report, ReportState} from './pages/report';
import {Empty} from './parts/states';
import {Frame} from './parts/frame';
import {useAddress} from './router';
import {currentLanguage, setLanguage, t, type Language} from './words';

// What a viewer has chosen stays with this browser.
function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
function keep(name: string, value: string) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // A browser that keeps nothing: the choice lasts as long as the page.
  }
}

const wanted = new URLSearchParams(location.search).get('lang') ?? kept('language') ?? navigator.language;
setLanguage(wanted.startsWith('en') ? 'en' : wanted.startsWith('zh') ? 'zh' : 'en');
const dark = matchMedia('(prefers-color-scheme: dark)');
const theme = kept('theme');
if (theme !== null) document.documentElement.dataset.theme = theme;

function App() {
  const {path, query} = useAddress();
  const {policy} = useCity();
  const [language, choose] = useState<Language>(currentLanguage());
  const [isDark, setDark] = useState((document.documentElement.dataset.theme ?? (dark.matches ? 'dark' : 'light')) === 'dark');
  const [page, title] = pageOf(path);
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  useEffect(() => {
    document.title = `${title} · gridledger`;
  }, [title]);
  useEffect(() => {
    document.documentElement.classList.toggle('on_wall', query.get('wall') === '1');
  });
  return (
    <Frame dark={isDark}
      toggleLanguage={() => {
        const next = language === 'zh' ? 'en' : 'zh';
        setLanguage(next);
        keep('language', next);
        choose(next);
      }}
      toggleTheme={() => {
        const next = isDark ? 'light' : 'dark';
        document.documentElement.dataset.theme = next;
        keep('theme', next);
        setDark(!isDark);
      }}>
      <div key={`${path} ${language} ${policy?.version ?? ''}`} class="content">{page}</div>
    </Frame>
  );
}

function pageOf(path: string) {
  const [first, second] = path.split('/').slice(1).map(decodeURIComponent);
  if (first === '') return [<City />, t('city')] as const;
  if (first === 'incidents' && second) return [<Incident id={second} />, second] as const;
  if (first === 'report' && second) return [<ReportState id={second} />, second] as const;
  switch (first) {
    case 'incidents': return [<Incidents />, t('incidents')] as const;
    case 'indexes': return [<Indexes />, t('indexes')] as const;
    case 'bulletin': return [<Bulletin />, t('bulletin')] as const;
    case 'duty': return [<Duty />, t('duty')] as const;
    case 'desk': return [<Desk />, t('desk')] as const;
    case 'report': return [<Report />, t('report')] as const;
    case 'operations': return [<Operations />, t('operations')] as const;
    case 'about': return [<About />, t('about')] as const;
    default: return [<Empty title={t('not_found_page')} />, t('not_found_page')] as const;
  }
}

city.start();
render(<App />, document.getElementById('page')!);
