// A typed client of the Farmers Market API. `schema.ts` is generated; what is here is only what types cannot do: keep a
// session alive, and name a request so that a repeat of it is carried out once.
import createFetchClient, { type Client, type ClientOptions, type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema.js";

export type { components, paths };

/** The schemas of the API, for example `Schema<"Product">`. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** What a login or a refresh answers with: the tokens and the account. */
export type Grant = Schema<"Grant">;

/** An error of the API: RFC 9457. */
export type Problem = Schema<"Problem">;

export type MarketClient = Client<paths>;

/** A `Problem` as an exception, for those who prefer to catch. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  constructor(readonly problem: Problem) {
    const wrong = (problem.errors ?? []).map((e) => `${e.location ?? ""}: ${e.message ?? ""}`);
    super([`${problem.status} ${problem.title}`, problem.detail, ...wrong].filter(Boolean).join("; "));
  }
}

/** Returns the data of an answer, or throws its `ProblemError`. */
export function unwrap<Data>(answer: { data?: Data; error?: unknown; response: Response }): Data {
  if (answer.response.ok) {
    return answer.data as Data;
  }
  const problem = answer.error;
  if (typeof problem === "object" && problem !== null && "status" in problem) {
    throw new ProblemError(problem as Problem);
  }
  // From a proxy between, which knows nothing of problems.
  throw new ProblemError({ type: "about:blank", status: answer.response.status, title: answer.response.statusText });
}

/**
 * A key for an order or a payment. Keep it until the outcome is known: the same request with the same key is carried
 * out once, however often it is sent.
 */
export function newIdempotencyKey(): string {
  return globalThis.crypto.randomUUID();
}

/** Returns a client of the API, without an account. */
export function createClient(baseUrl: string, options: Omit<ClientOptions, "baseUrl"> = {}): MarketClient {
  return createFetchClient<paths>({ ...options, baseUrl });
}

/** Seconds before it expires that an access token is not used any more, for clocks and networks that lag. */
const margin = 30;

/**
 * A client that acts for an account. It refreshes the access token before it expires, once at a time: a refresh token
 * is good for one refresh, and using it twice ends the session.
 */
export class Session {
  readonly client: MarketClient;

  readonly #strangers: MarketClient;
  #grant: Grant;
  #expiresAt: number;
  #refreshing: Promise<void> | undefined;

  private constructor(baseUrl: string, grant: Grant, strangers: MarketClient, options: Omit<ClientOptions, "baseUrl">) {
    this.#strangers = strangers;
    this.#grant = grant;
    this.#expiresAt = expiry(grant);
    this.client = createClient(baseUrl, options);
    const authenticate: Middleware = {
      onRequest: async ({ request }) => {
        request.headers.set("Authorization", `Bearer ${await this.accessToken()}`);
        return request;
      },
    };
    this.client.use(authenticate);
  }

  /** Logs in. It throws a `ProblemError` when the address or the password is wrong. */
  static async login(
    baseUrl: string,
    credentials: { email: string; password: string },
    options: Omit<ClientOptions, "baseUrl"> = {},
  ): Promise<Session> {
    const strangers = createClient(baseUrl, options);
    const { data } = unwrap(await strangers.POST("/api/v1/auth/login", { body: credentials }));
    return new Session(baseUrl, data, strangers, options);
  }

  /** The account that this session is of. */
  get account(): Schema<"Account"> {
    return this.#grant.account;
  }

  /** Returns an access token that is good for a while yet. It throws a `ProblemError` when the session has ended. */
  async accessToken(): Promise<string> {
    if (Date.now() >= this.#expiresAt) {
      this.#refreshing ??= this.refresh().finally(() => (this.#refreshing = undefined));
      await this.#refreshing;
    }
    return this.#grant.access_token;
  }

  /** Ends the session. */
  async logout(): Promise<void> {
    unwrap(await this.#strangers.POST("/api/v1/auth/logout", { body: { refresh_token: this.#grant.refresh_token } }));
  }

  private async refresh(): Promise<void> {
    const body = { refresh_token: this.#grant.refresh_token };
    const { data } = unwrap(await this.#strangers.POST("/api/v1/auth/refresh", { body }));
    this.#grant = data;
    this.#expiresAt = expiry(data);
  }
}

/** When to refresh: the margin before the expiry, but not before half of the token's life has passed. */
function expiry(grant: Grant): number {
  return Date.now() + Math.max(grant.expires_in - margin, grant.expires_in / 2) * 1000;
}
