import assert from "node:assert/strict";
import { test } from "node:test";
import { roundUp, roundUpWhole, steered, strokes } from "../ui/chart.js";

test("an axis ends at the next number whose quarters are round", () => {
  assert.equal(roundUp(0), 1);
  assert.equal(roundUp(7), 8);
  assert.equal(roundUp(1.9), 2);
  assert.equal(roundUp(21), 40);
  assert.equal(roundUp(100), 100);
  assert.equal(roundUp(0.0031), 0.004);
  assert.equal(roundUp(123456), 200000);
});

test("an axis of what is counted has whole quarters", () => {
  assert.deepEqual([0, 1, 3, 4, 5, 7, 9, 21, 50].map(roundUpWhole), [4, 4, 4, 4, 8, 8, 12, 40, 60]);
});

test("a line is broken where nothing is known", () => {
  assert.deepEqual(strokes([1, 2, null, 3, null, null, 4, 5]), [[0, 1], [3], [6, 7]]);
  assert.deepEqual(strokes([null, null]), []);
});

test("the arrow keys lead from day to day and end at the last", () => {
  assert.equal(steered("ArrowRight", 3, 7), 4);
  assert.equal(steered("ArrowRight", 6, 7), undefined);
  assert.equal(steered("ArrowLeft", 0, 7), undefined);
  assert.equal(steered("Home", 5, 7), 0);
  assert.equal(steered("End", 0, 7), 6);
  assert.equal(steered("a", 0, 7), undefined);
  assert.equal(steered("Home", -1, 7), undefined);
});
