import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, newIdempotencyKey, ProblemError, Session, unwrap, type Grant } from "./client.js";

const baseUrl = process.env["MARKET_URL"] ?? "http://localhost:8080";
const password = "walnut-Saturday-quince";

async function register(): Promise<{ email: string; password: string }> {
  const credentials = { email: `nora-${newIdempotencyKey()}@example.org`, password };
  const body = { ...credentials, name: "Nora Byrne", role: "customer" as const };
  unwrap(await createClient(baseUrl).POST("/api/v1/auth/register", { body }));
  return credentials;
}

test("a refusal is thrown as a problem that says what is wrong", async () => {
  const answer = await createClient(baseUrl).GET("/api/v1/products", { params: { query: { limit: 1000 } } });
  assert.throws(
    () => unwrap(answer),
    (error) => error instanceof ProblemError && error.problem.status === 422 && error.message.includes("query.limit"),
  );
});

test("what a proxy answers is a problem of its status", () => {
  const response = new Response("<html>", { status: 502, statusText: "Bad Gateway" });
  assert.throws(() => unwrap({ error: "<html>", response }), { message: "502 Bad Gateway" });
});

test("a wrong password is a problem", async () => {
  const { email } = await register();
  await assert.rejects(Session.login(baseUrl, { email, password: "hazel-Sunday-medlar" }), ProblemError);
});

test("a session refreshes once, however many calls wait for it", async () => {
  const credentials = await register();
  let refreshes = 0;
  const shortLived: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const url = input instanceof Request ? input.url : String(input);
    if (url.endsWith("/auth/refresh")) {
      refreshes++;
    }
    if (!url.endsWith("/auth/login")) {
      return response;
    }
    const body = (await response.json()) as { success: boolean; data: Grant };
    body.data.expires_in = 0;
    return Response.json(body, response);
  };
  const session = await Session.login(baseUrl, credentials, { fetch: shortLived });
  const answers = await Promise.all([1, 2, 3].map(() => session.client.GET("/api/v1/auth/me")));
  for (const answer of answers) {
    assert.equal(unwrap(answer).data.email, credentials.email);
  }
  assert.equal(refreshes, 1);
});

test("a session that has ended cannot be refreshed", async () => {
  const session = await Session.login(baseUrl, await register());
  await session.logout();
  await assert.rejects(Session.prototype["refresh"].call(session), ProblemError);
});
