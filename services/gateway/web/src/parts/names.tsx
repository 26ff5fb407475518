// Codes as people know them.
import {city} from '../live';
import {currentLanguage} from '../words';

const chinese = /[\u3400-\u9fff]/;

// The catalogue's name, where it is in the chosen language; else the code.
export function categoryName(code: string): string {
  const found = city.policy?.categories.find((one) => one.code === code);
  if (found === undefined || found.name === '') return code || '—';
  return currentLanguage() === 'en' && chinese.test(found.name) ? code : found.name;
}
export const codeName = (code: string) => (code === '' ? '—' : code);
