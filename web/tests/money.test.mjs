import assert from "node:assert/strict";
import { test } from "node:test";
import { money, paidWords } from "../ui/money.js";
import { paymentState, planLines, priceWords, subscriptionState } from "../ui/plans/words.js";

const plan = (more = {}) => ({ name: "pro", priceCents: 2999, currency: "usd", term: "month", messagesPerDay: null, perCharacter: null, credits: 0, avatars: 1, class: "standard", priority: 3, features: [], ...more });

test("amounts are counted in the smallest unit of their currency", () => {
  assert.match(money(700, "usd"), /7[.,]00/);
  assert.match(money(700, "jpy"), /700/);
  assert.match(money(700, "isk"), /7$|7\D*$/);
  assert.match(money(700, "strange"), /7[.,]00/);
});

test("what was given back is told, and of how much where that is a part", () => {
  assert.match(paidWords({ amount: 250, ofAmount: 700, currency: "usd" }), /2[.,]50 of .*7[.,]00/);
  assert.equal(paidWords({ amount: 700, ofAmount: null, currency: "usd" }), money(700, "usd"));
  assert.equal(paidWords({ amount: 5, ofAmount: null, currency: null }), null, "credits are told in words");
});

test("a plan says what it costs and for how long", () => {
  assert.match(priceWords(plan()), /29[.,]99 a month/);
  assert.match(priceWords(plan({ priceCents: 700, term: "days", days: 15 })), /7[.,]00 for 15 days/);
  assert.equal(priceWords(plan({ priceCents: 0, term: "endless" })), "Free of charge");
});

test("a plan's lines say its limits, and nothing that another line says already", () => {
  const lines = planLines(plan({ perCharacter: { text: 30, audio: 5, media: null, window: "lifetime" }, features: ["cheap_models", "all_models"] }));
  assert.ok(lines.includes("30 written and 5 spoken replies from each character in all"), lines.join("; "));
  assert.ok(!lines.includes("The quick models") && lines.includes("All models"));
  assert.ok(planLines(plan({ messagesPerDay: 5 })).includes("5 messages a day"));
});

test("what was given back or is disputed is not shown as paid", () => {
  const paid = { status: "succeeded", dispute: null, amountCents: 700, refundedCents: 0 };
  const words = (more) => paymentState({ ...paid, ...more })[0];
  assert.deepEqual([words({}), words({ refundedCents: 699 }), words({ refundedCents: 700 }), words({ dispute: "open" }), words({ dispute: "won" })],
    ["Paid", "Given back in part", "Given back", "Disputed", "Paid"]);
  assert.equal(subscriptionState({ status: "active", cancelAtPeriodEnd: true })[0], "Ends with its period");
  assert.equal(subscriptionState({ status: "past_due", cancelAtPeriodEnd: true })[0], "Payment failed");
});
