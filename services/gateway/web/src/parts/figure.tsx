// A figure: its number, and beside it what it is made of.
import type {ComponentChildren} from 'preact';
import {useEffect, useRef, useState} from 'preact/hooks';
import {Link} from '../router';

interface Props {
  label: ComponentChildren;
  value: string;
  small?: ComponentChildren;
  href?: string;
  title?: string;
  of?: string;  // for tests: which figure it is
}

// Underlined for a second once it has changed.
export function useChanged(value: string): boolean {
  const was = useRef(value);
  const [changed, setChanged] = useState(false);
  useEffect(() => {
    if (was.current === value) return;
    was.current = value;
    setChanged(true);
    const timer = setTimeout(() => setChanged(false), 1000);
    return () => clearTimeout(timer);
  }, [value]);
  return changed;
}

export function Figure({label, value, small, href, title, of}: Props) {
  const changed = useChanged(value);
  const shown = <span class={`value${changed ? ' changed' : ''}`}>{value}</span>;
  return (
    <div class="figure" data-figure={of}>
      <span class="label">{label}</span>
      {href === undefined ? shown : <Link href={href} title={title}>{shown}</Link>}
      {small !== undefined && <span class="small">{small}</span>}
    </div>
  );
}
