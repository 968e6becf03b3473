import assert from "node:assert/strict";
import { test } from "node:test";
import { roundUp } from "../ui/chart.js";

test("an axis ends at the next number whose quarters are round", () => {
  assert.equal(roundUp(0), 1);
  assert.equal(roundUp(7), 8);
  assert.equal(roundUp(1.9), 2);
  assert.equal(roundUp(21), 40);
  assert.equal(roundUp(100), 100);
  assert.equal(roundUp(0.0031), 0.004);
  assert.equal(roundUp(123456), 200000);
});
