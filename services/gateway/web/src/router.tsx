// The address is the page's state: a path and its query.
import type {ComponentChildren, JSX} from 'preact';
import {useEffect, useState} from 'preact/hooks';

export interface Address {
  path: string;
  query: URLSearchParams;
}

const read = (): Address => ({path: location.pathname, query: new URLSearchParams(location.search)});
const listeners = new Set<() => void>();
addEventListener('popstate', () => listeners.forEach((listener) => listener()));

export function go(href: string, replace = false) {
  const from = location.pathname;
  history[replace ? 'replaceState' : 'pushState'](null, '', href);
  listeners.forEach((listener) => listener());
  if (from !== location.pathname) scrollTo(0, 0);
}

export function useAddress(): Address {
  const [address, setAddress] = useState(read);
  useEffect(() => {
    const listener = () => setAddress(read());
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }, []);
  return address;
}

// The present address with some of its query changed; undefined takes one away.
export function withQuery(changes: Record<string, string | undefined>): string {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return location.pathname + (text === '' ? '' : `?${text}`);
}

type LinkProps = {href: string; children?: ComponentChildren} & Omit<JSX.HTMLAttributes<HTMLAnchorElement>, 'href'>;
export function Link({href, children, ...rest}: LinkProps) {
  return (
    <a href={href} {...rest} onClick={(event: MouseEvent) => {
      if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      go(href);
    }}>{children}</a>
  );
}
