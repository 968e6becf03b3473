import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Upload } from "../client/uploads.js";

let requests;

/** An upload that never leaves the process: the test says how far it is, and what is answered. */
class FakeRequest {
  upload = {};
  headers = {};
  constructor() { requests.push(this); }
  open(method, path) { Object.assign(this, { method, path }); }
  setRequestHeader(name, value) { this.headers[name] = value; }
  getResponseHeader(name) { return this.answerHeaders?.[name] ?? null; }
  send(form) { this.form = form; }
  progress(loaded, total) { this.upload.onprogress({ loaded, total }); }
  answer(status, body, headers = {}) {
    Object.assign(this, { status, responseText: JSON.stringify(body), answerHeaders: headers });
    this.onload();
    this.onloadend();
  }
  fail() { this.onerror(); this.onloadend(); }
  abort() { this.aborted = true; this.onabort(); this.onloadend(); }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const upload = (more = {}) => new Upload({ path: "/api/media/upload/image", field: "image", file: new File(["12345"], "a.png", { type: "image/png" }), getToken: async ({ fresh }) => (fresh ? "new" : "old"), ...more });

beforeEach(() => {
  requests = [];
  globalThis.XMLHttpRequest = FakeRequest;
});
afterEach(() => { delete globalThis.XMLHttpRequest; });

test("a file goes as a part of a form, says how far it is, and gives the answer", async () => {
  const one = upload({ texts: { caption: "By the sea" } });
  const seen = [];
  one.on("change", () => seen.push([one.state, one.sent]));
  const done = one.start();
  await settled();
  assert.equal(requests[0].form.get("image").name, "a.png");
  assert.deepEqual([...requests[0].form.keys()], ["caption", "image"], "texts come before the file");
  assert.equal(requests[0].headers.Authorization, "Bearer old");
  requests[0].progress(3, 5);
  requests[0].answer(202, { file: { id: "f" } });
  assert.deepEqual(await done, { file: { id: "f" } });
  assert.deepEqual(seen, [["sending", 0], ["sending", 3], ["done", 5]]);
});

test("an old token is renewed once", async () => {
  const done = upload().start();
  await settled();
  requests[0].answer(401, { error: "unauthenticated", message: "the token is over" });
  await settled();
  assert.equal(requests[1].headers.Authorization, "Bearer new");
  requests[1].answer(202, { file: {} });
  await done;
});

test("a refusal keeps its code, its words and its wait, and may be tried again", async () => {
  const one = upload();
  const done = one.start();
  await settled();
  requests[0].answer(429, { error: "rate_limited", message: "too many uploads" }, { "Retry-After": "30" });
  await assert.rejects(done, { code: "rate_limited", status: 429, retryAfterS: 30 });
  assert.equal(one.state, "failed");
  const again = one.start();
  await settled();
  requests[1].answer(202, { file: {} });
  await again;
  assert.deepEqual([one.state, one.error], ["done", null]);
});

test("a broken line is not an answer", async () => {
  const done = upload().start();
  await settled();
  requests[0].fail();
  await assert.rejects(done, { code: "offline", status: 0 });
});

test("one that is cancelled ends at once, whether its request has begun or not", async () => {
  const one = upload();
  const done = one.start();
  await settled();
  one.cancel();
  await assert.rejects(done, { code: "cancelled" });
  assert.deepEqual([one.state, requests[0].aborted], ["cancelled", true]);
  const early = upload();
  const never = early.start();
  early.cancel();
  await assert.rejects(never, { code: "cancelled" });
  assert.equal(requests.length, 1, "nothing was sent");
});
