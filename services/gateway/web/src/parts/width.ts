// How wide an element is just now, so that a drawing's text keeps its size.
import {useEffect, useRef, useState} from 'preact/hooks';

export function useWidth<T extends Element>(before: number) {
  const element = useRef<T>(null);
  const [width, setWidth] = useState(before);
  useEffect(() => {
    if (element.current === null) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(240, Math.round(entry!.contentRect.width))));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return {element, width};
}
