import assert from "node:assert/strict";
import { test } from "node:test";
import { forgetKept, kept, keptMap } from "../ui/kept.js";

test("what one person began is not the next one's", () => {
  const draft = kept({ prompt: "", at: { kind: "image" } });
  const drafts = keptMap();
  draft.prompt = "a secret";
  draft.at.kind = "video";
  drafts.set("a", 1);
  forgetKept();
  assert.deepEqual([draft, drafts.size], [{ prompt: "", at: { kind: "image" } }, 0]);
});
