// W3C trace context: https://www.w3.org/TR/trace-context/. The server says in which trace it made the page, and calls
// that the page makes join it as children of the page's own span.

const form = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Milliseconds from the navigation in which calls join the page's trace: a tab left open all day is not one trace. */
const joins = 10 * 60 * 1000;

/** The trace that the page was made in, from `<meta name="traceparent">` or the document's `Server-Timing`. */
export function pageTrace(): string | undefined {
  const meta = document.querySelector<HTMLMetaElement>("meta[name=traceparent]")?.content;
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  // A page out of the browser's cache has the trace of the visit that put it there.
  const timings = navigation?.transferSize === 0 ? [] : (navigation?.serverTiming ?? []);
  const header = timings.find((timing) => timing.name === "traceparent")?.description;
  return [meta, header].find(isTraceparent);
}

/** Whether the text is a traceparent of version 00. */
export function isTraceparent(text: string | undefined): text is string {
  return text !== undefined && form.test(text);
}

/** Whether a call may be told the trace: it goes to the page's own origin, or to one that is named. */
export function isTraced(url: string, page: string, origins: readonly string[]): boolean {
  const origin = new URL(url, page).origin;
  return origin === new URL(page).origin || origins.includes(origin);
}

/** Makes calls of `fetch` to these origins join the trace. Returns a function that undoes it. */
export function traceFetch(traceparent: string, origins: readonly string[]): () => void {
  const original = globalThis.fetch;
  const traced: typeof fetch = (input, init) => {
    try {
      const url = input instanceof Request ? input.url : String(input);
      if (performance.now() < joins && isTraced(url, location.href, origins)) {
        const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
        if (!headers.has("traceparent")) {
          headers.set("traceparent", traceparent);
          return original(input, { ...init, headers });
        }
      }
    } catch {
      // The call matters more than its trace.
    }
    return original(input, init);
  };
  globalThis.fetch = traced;
  return () => {
    if (globalThis.fetch === traced) {
      globalThis.fetch = original;
    }
  };
}
