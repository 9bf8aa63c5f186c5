// Real user monitoring: how pages did in the browsers of those who looked at them. `startRum({ app: "shop" })` is all
// that a web client needs. It never throws into the page, and reports nothing personal: no address, no query, no id.
import { onCLS, onINP, onLCP, onTTFB, type MetricType } from "web-vitals";
import { pageOf } from "./page.js";
import { trimStack } from "./redact.js";
import { Queue, send, type BrowserError, type Measurement } from "./report.js";
import { pageTrace, traceFetch } from "./trace.js";

export { pageOf };

export interface RumOptions {
  /** The web client, of those that the server knows (RUM_APPS). */
  app: string;
  /** Its release; named in the log line of an error. */
  release?: string;
  /** Where reports go. Default: `/api/v1/rum` of the page's own origin. An API elsewhere lists that origin (CORS_ORIGINS). */
  endpoint?: string;
  /** Share of page views that report, 0 to 1. Default 1. */
  sampleRate?: number;
  /** The route template of a path. Default: `pageOf`, which replaces ids. A router knows better. */
  page?: (path: string) => string;
  /** Calls of `fetch` join the page's trace: `true` for those to the page's own origin, or these origins as well. */
  trace?: boolean | readonly string[];
  /** Stay silent when the browser asks not to be tracked (Do Not Track, Global Privacy Control). Default true. */
  respectPrivacy?: boolean;
}

export interface Rum {
  /** The trace that the page was made in; undefined when the server did not say. */
  readonly traceparent: string | undefined;
  /** Reports an error that the page has caught, for example in an error boundary. */
  reportError(error: unknown): void;
  /** Sends what there is, and stops. */
  stop(): void;
}

const silent: Rum = { traceparent: undefined, reportError: () => undefined, stop: () => undefined };

/** Milliseconds that an error waits for others before it is sent. */
const patience = 2000;

/** Starts reporting on this page. */
export function startRum(options: RumOptions): Rum {
  try {
    const { respectPrivacy = true, sampleRate = 1 } = options;
    if ((respectPrivacy && wantsPrivacy()) || Math.random() >= sampleRate) {
      return silent;
    }
    return start(options);
  } catch {
    return silent;
  }
}

function wantsPrivacy(): boolean {
  const { doNotTrack, globalPrivacyControl } = navigator as Navigator & { globalPrivacyControl?: boolean };
  return globalPrivacyControl === true || doNotTrack === "1";
}

function start(options: RumOptions): Rum {
  const { app, release, endpoint = "/api/v1/rum" } = options;
  const traceparent = pageTrace();
  const queue = new Queue({ app, ...(release && { release }), ...(traceparent && { traceparent }) });
  const fetcher = globalThis.fetch.bind(globalThis); // before it is wrapped: reports are not calls of the page
  const ends: (() => void)[] = [];
  const here = () => (options.page ?? pageOf)(location.pathname).slice(0, 100);

  const flush = safely(() => {
    for (let body = queue.take(); body !== undefined; body = queue.take()) {
      send(fetcher, endpoint, body, traceparent);
    }
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const fail = safely((kind: BrowserError["kind"], error: unknown, source?: string) => {
    if (queue.fail({ kind, page: here(), ...describe(error, source ?? "") })) {
      clearTimeout(timer);
      timer = setTimeout(flush, patience);
    }
  });
  const listen = <E extends Event>(target: EventTarget, type: string, handle: (event: E) => void) => {
    const handler = safely(handle) as EventListener;
    const capture = type === "error"; // what fails to load tells nobody further up
    target.addEventListener(type, handler, capture);
    ends.push(() => target.removeEventListener(type, handler, capture));
  };

  listen(window, "error", (event: ErrorEvent) => {
    if (event.target instanceof Element) {
      fail("resource", undefined, addressOf(event.target));
    } else {
      fail("exception", event.error, `at ${event.filename}:${event.lineno}`);
    }
  });
  listen(window, "unhandledrejection", (event: PromiseRejectionEvent) => fail("unhandled_rejection", event.reason));
  measure(queue, here());
  // After those of web-vitals, which hear of it on its way down and then tell their last value.
  for (const type of ["visibilitychange", "pagehide"]) {
    listen(window, type, () => document.visibilityState === "hidden" && flush());
  }
  if (traceparent !== undefined && options.trace) {
    ends.push(traceFetch(traceparent, options.trace === true ? [] : options.trace));
  }
  return {
    traceparent,
    reportError: (error) => fail("reported", error),
    stop: () => {
      ends.splice(0).forEach((end) => end());
      clearTimeout(timer);
      flush();
    },
  };
}

/** Measures the page that was navigated to: its template is that of its start, wherever a router goes later. */
function measure(queue: Queue, page: string): void {
  const report = safely((metric: MetricType) => {
    if (metric.name === "TTFB" && metric.navigationType === "back-forward-cache") {
      return; // nobody was asked for a byte
    }
    const value = metric.name === "CLS" ? metric.value : metric.value / 1000;
    const name = metric.name.toLowerCase() as Measurement["name"];
    queue.measure({ name, value, rating: metric.rating, page, navigation_type: metric.navigationType }, metric.id);
    if (metric.name === "TTFB") {
      const [navigation] = metric.entries; // complete: the TTFB is told after the load
      if (navigation instanceof PerformanceNavigationTiming && navigation.loadEventEnd > 0) {
        // A page that was rendered before it was asked for has loaded in no time.
        const { activationStart = 0 } = navigation as { activationStart?: number };
        const load = Math.max(navigation.loadEventEnd - activationStart, 0) / 1000;
        queue.measure({ name: "page_load", value: load, page, navigation_type: metric.navigationType }, "load");
      }
    }
  });
  onTTFB(report);
  onLCP(report);
  onCLS(report);
  onINP(report);
}

type Described = Pick<BrowserError, "type" | "stack">;

/** What an error may tell: its name and its places in scripts, never its message, which may repeat what somebody typed. */
function describe(error: unknown, source: string): Described {
  if (!(error instanceof Error)) {
    return { stack: trimStack(source) }; // anything can be thrown
  }
  const type = /^[A-Za-z_$][\w.$]{0,59}$/.test(error.name) ? error.name : "Error";
  return { type, stack: trimStack(String(error.stack ?? source)) };
}

/** The address of what did not load, as a frame. */
function addressOf(element: Element): string {
  return `at ${element.getAttribute("src") ?? element.getAttribute("href") ?? ""}`;
}

/** Makes a function that never throws: a page must not fail for being measured. */
function safely<Args extends unknown[]>(f: (...args: Args) => unknown): (...args: Args) => void {
  return (...args) => {
    try {
      f(...args);
    } catch {
      // Whoever reports errors has nobody to report its own to.
    }
  };
}
