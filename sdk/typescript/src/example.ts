// Registers, logs in, browses, orders and pays: `npm run example -- http://localhost:8080`.
import { createClient, newIdempotencyKey, Session, unwrap, type Schema } from "./client.js";

const baseUrl = process.argv[2] ?? "http://localhost:8080";

const visitor = createClient(baseUrl);
const products = unwrap(await visitor.GET("/api/v1/products", { params: { query: { category: "honey", limit: 3 } } }));
console.log(`honey: ${products.pagination.total} kinds`);
for (const product of products.data) {
  console.log(`  ${product.name}, ${product.unit.label}: ${inWords(product.price)}, ${product.farm.name}`);
}

const credentials = { email: `nora-${newIdempotencyKey()}@example.org`, password: "walnut-Saturday-quince" };
unwrap(await visitor.POST("/api/v1/auth/register", { body: { ...credentials, name: "Nora Byrne", role: "customer" } }));
const session = await Session.login(baseUrl, credentials);
console.log(`logged in as ${session.account.name}`);

const days = unwrap(await session.client.GET("/api/v1/market-days", { params: { query: { state: "open", limit: 1 } } }));
const day = days.data[0];
if (day === undefined) {
  console.log("no market takes orders now");
} else {
  await order(day);
}
await session.logout();

async function order(day: Schema<"MarketDay">): Promise<void> {
  const market = unwrap(await session.client.GET("/api/v1/markets/{id}", { params: { path: { id: day.market_id } } })).data;
  const query = { market_day: day.id, limit: 1 };
  const offering = unwrap(await session.client.GET("/api/v1/offerings", { params: { query } })).data[0];
  const slot = market.slots[0];
  if (offering === undefined || slot === undefined) {
    console.log(`nothing is on offer at ${market.name}`);
    return;
  }
  const placed = unwrap(
    await session.client.POST("/api/v1/orders", {
      params: { header: { "Idempotency-Key": newIdempotencyKey() } },
      body: { market_day_id: day.id, slot_id: slot.id, lines: [{ offering_id: offering.id, quantity: 1 }] },
    }),
  ).data;
  const paid = unwrap(
    await session.client.POST("/api/v1/orders/{id}/pay", {
      params: { path: { id: placed.id }, header: { "Idempotency-Key": newIdempotencyKey() } },
      body: {},
    }),
  ).data;
  console.log(`ordered ${offering.name} for ${inWords(paid.total)} at ${market.name}: ${paid.state}`);
}

/** Money is whole minor units. These currencies have a hundred of them. */
function inWords(money: Schema<"Money">): string {
  return `${(money.amount / 100).toFixed(2)} ${money.currency}`;
}
