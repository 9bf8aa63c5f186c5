import type { components } from "../schema.js";

export type Report = components["schemas"]["BrowserReport"];
export type Measurement = components["schemas"]["BrowserMeasurement"];
export type BrowserError = components["schemas"]["BrowserError"];

// What the server takes at once: server/api/rum.go.
const maxBytes = 16 * 1024;
const maxMeasurements = 16;
const maxErrors = 8;

/** Errors that a page reports in its life. One that fails in a loop tells no more by the hundredth. */
export const errorsOfPage = 24;

/** What a page has to tell, until it is sent. */
export class Queue {
  #measurements: Measurement[] = [];
  #errors: BrowserError[] = [];
  #taken = 0;
  readonly #told = new Set<string>();

  constructor(private readonly about: Pick<Report, "app" | "release" | "traceparent">) {}

  /** Adds a measurement, unless its id has been told: each counts once, with the value it had when it was first sent. */
  measure(measurement: Measurement, id: string): void {
    const { value } = measurement;
    if (this.#told.has(id) || !Number.isFinite(value) || value < 0 || value > 3600) {
      return;
    }
    this.#told.add(id);
    this.#measurements.push(measurement);
  }

  /** Adds an error. Returns whether it did: a page tells of so many and no more. */
  fail(error: BrowserError): boolean {
    if (this.#taken >= errorsOfPage) {
      return false;
    }
    this.#taken++;
    this.#errors.push(error);
    return true;
  }

  /** Takes out what can be sent at once, as JSON; undefined when there is nothing. */
  take(): string | undefined {
    const measurements = this.#measurements.splice(0, maxMeasurements);
    const errors = this.#errors.splice(0, maxErrors);
    while (measurements.length + errors.length > 0) {
      const body = JSON.stringify({ ...this.about, measurements, errors } satisfies Report);
      if (new TextEncoder().encode(body).length <= maxBytes) {
        return body;
      }
      errors.pop(); // measurements alone are never that many
    }
    return undefined;
  }
}

/**
 * Sends a report from a page that may be on its way out. `fetch` can say in which trace the page is; a beacon, for
 * browsers that would end the call with the page, cannot. A beacon of JSON would first ask an API of another origin whether
 * it may bring cookies, which none may; without a type it asks nothing, and the API takes it for the JSON that it is.
 */
export function send(fetcher: typeof fetch, endpoint: string, body: string, traceparent: string | undefined): void {
  if ("keepalive" in Request.prototype) {
    const headers = { "Content-Type": "application/json", ...(traceparent && { traceparent }) };
    const request = { method: "POST", body, headers, keepalive: true, credentials: "omit" } as const;
    void fetcher(endpoint, request).catch(() => undefined);
    return;
  }
  navigator.sendBeacon(endpoint, new Blob([body]));
}
