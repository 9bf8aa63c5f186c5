import assert from "node:assert/strict";
import { test } from "node:test";
import { startRum } from "./index.js";
import { pageOf } from "./page.js";
import { trimStack } from "./redact.js";
import { errorsOfPage, Queue, type Report } from "./report.js";
import { isTraceparent, traceFetch } from "./trace.js";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

test("pages that differ by an id are one page", () => {
  for (const [path, page] of [
    ["/", "/"],
    ["/docs/", "/docs"],
    ["/shop/index.html", "/shop"],
    ["/products/9f3c0d54-6f0a-5c61-9a50-0a5a3c1c7a11", "/products/{id}"],
    ["/orders/1234/items/7", "/orders/{id}/items/{id}"],
    ["/days/2026-11-22", "/days/{id}"],
    ["/api/v1/farms", "/api/v1/farms"],
    ["/accounts/nora@example.org", "/accounts/{id}"],
    ["/search/caf%C3%A9%20au%20lait", "/search/{id}"],
    [`/reset/${"k".repeat(41)}`, "/reset/{id}"],
  ] as const) {
    assert.equal(pageOf(path), page);
  }
  assert.ok(pageOf("/a".repeat(500)).length <= 100);
});

test("a stack is its topmost frames, without its message and without queries", () => {
  const chrome = "TypeError: no basket of nora\n    at add (https://shop.example/a.js?v=1:1:23)\n    at https://shop.example/b.js:4:5";
  assert.equal(trimStack(chrome), "at add (https://shop.example/a.js:1:23)\nat https://shop.example/b.js:4:5");
  const firefox = "add@https://shop.example/a.js:1:23\n@https://shop.example/b.js:4:5\n";
  assert.equal(trimStack(firefox), "add@https://shop.example/a.js:1:23\n@https://shop.example/b.js:4:5");
  assert.equal(trimStack("at https://shop.example/logo.png?of=nora"), "at https://shop.example/logo.png");
  assert.equal(trimStack("at f (/a.js:1:2)\n".repeat(50)).split("\n").length, 8);
});

test("a measurement is told once, and only a number that the server takes", () => {
  const queue = new Queue({ app: "shop" });
  const measurement = { name: "lcp", page: "/" } as const;
  queue.measure({ ...measurement, value: 1 }, "a");
  queue.measure({ ...measurement, value: 2 }, "a");
  queue.measure({ ...measurement, value: Number.NaN }, "b");
  queue.measure({ ...measurement, value: 4000 }, "c");
  queue.measure({ ...measurement, value: -1 }, "d");
  assert.deepEqual(JSON.parse(queue.take() ?? ""), { app: "shop", measurements: [{ ...measurement, value: 1 }], errors: [] });
  assert.equal(queue.take(), undefined);
});

test("a page in trouble tells of so many errors, in reports that the server takes", () => {
  const queue = new Queue({ app: "shop" });
  let taken = 0;
  while (queue.fail({ kind: "exception", page: "/", stack: "語".repeat(1000) })) {
    taken++;
  }
  assert.equal(taken, errorsOfPage);
  for (let body = queue.take(); body !== undefined; body = queue.take()) {
    assert.ok(new TextEncoder().encode(body).length <= 16384);
    assert.ok(((JSON.parse(body) as Report).errors?.length ?? 0) > 0);
  }
});

test("what is no trace context is none", () => {
  assert.ok(isTraceparent(traceparent));
  for (const text of [undefined, "", traceparent.toUpperCase(), traceparent.replace(/[1-9a-f]/g, "0"), `${traceparent}-x`, `01${traceparent.slice(2)}`]) {
    assert.ok(!isTraceparent(text), text);
  }
});

test("calls to the page's own origin and to those that are named join the trace, and no others", async (t) => {
  const original = globalThis.fetch;
  t.after(() => (globalThis.fetch = original));
  const seen: (string | null)[] = [];
  globalThis.fetch = (input, init) => {
    seen.push(new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined)).get("traceparent"));
    return Promise.resolve(new Response());
  };
  const untraced = globalThis.fetch;
  Object.assign(globalThis, { location: { href: "https://shop.example/products" } });
  const stop = traceFetch(traceparent, ["https://api.example"]);
  await fetch("/api/v1/products");
  await fetch(new Request("https://api.example/x", { headers: { "X-A": "1" } }));
  await fetch(new URL("https://elsewhere.example/x"));
  await fetch("/own", { headers: { traceparent: "mine" } });
  assert.deepEqual(seen, [traceparent, traceparent, null, "mine"]);
  stop();
  assert.equal(globalThis.fetch, untraced);
});

test("where nothing can be measured, nothing is, and nobody is told", () => {
  const rum = startRum({ app: "shop" }); // there is no page here
  rum.reportError(new Error("x"));
  rum.stop();
  assert.equal(rum.traceparent, undefined);
});
