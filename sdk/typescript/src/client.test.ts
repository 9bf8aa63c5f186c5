import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, newIdempotencyKey, ProblemError, Session, unwrap, type Grant, type Schema } from "./client.js";

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

test("an order is found by its key, whatever characters it has", async () => {
  const session = await Session.login(baseUrl, await register());
  const day = unwrap(await session.client.GET("/api/v1/market-days", { params: { query: { state: "open", limit: 1 } } })).data[0];
  assert.ok(day);
  const market = unwrap(await session.client.GET("/api/v1/markets/{id}", { params: { path: { id: day.market_id } } })).data;
  const query = { market_day: day.id, limit: 1 };
  const offering = unwrap(await session.client.GET("/api/v1/offerings", { params: { query } })).data[0];
  const slot = market.slots[0];
  assert.ok(offering && slot);
  const visible = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join(""); // ! to ~
  for (const key of [`order:${newIdempotencyKey()}`, `${visible}%41`]) {
    const placed: Schema<"Order"> = unwrap(
      await session.client.POST("/api/v1/orders", {
        params: { header: { "Idempotency-Key": key } },
        body: { market_day_id: day.id, slot_id: slot.id, lines: [{ offering_id: offering.id, quantity: 1 }] },
      }),
    ).data;
    const found = unwrap(await session.client.GET("/api/v1/orders/by-key/{key}", { params: { path: { key } } })).data;
    assert.equal(found.id, placed.id);
  }
});

test("a session that has ended cannot be refreshed", async () => {
  const session = await Session.login(baseUrl, await register());
  await session.logout();
  await assert.rejects(Session.prototype["refresh"].call(session), ProblemError);
});
