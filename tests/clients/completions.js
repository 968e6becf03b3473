// The official JavaScript library of OpenAI against a running server: `node completions.js SCENARIO '{"url":…,"key":…,…}'`.
// Each scenario asserts for itself; the exit code is what the test looks at.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import OpenAI from 'openai';

const given = JSON.parse(process.argv[3]);
const { url, key, model } = given;
const client = new OpenAI({ baseURL: url, apiKey: key, timeout: 40_000 });
const messages = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Good evening' },
];
const ask = (more = {}, options = {}) => client.chat.completions.create({ model, messages, ...more }, options);

async function said(stream) {
  let text = '';
  for await (const chunk of await stream) text += chunk.choices[0]?.delta.content ?? '';
  return text;
}

async function raised(kind, call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof kind, `${error.constructor.name} and not ${kind.name}: ${error}`);
    return error;
  }
  assert.fail(`no ${kind.name}`);
}

const scenarios = {
  async talk() {
    const models = await client.models.list();
    assert.ok(models.data.some((one) => one.id === model));
    const one = await client.models.retrieve(model);
    assert.deepEqual([one.id, one.object, one.owned_by], [model, 'model', 'greenroom']);
    const whole = await ask({ temperature: 0.4, max_tokens: 50, user: 'someone' });
    assert.equal(whole.choices[0].message.content, 'Good evening.');
    assert.deepEqual([whole.choices[0].finish_reason, whole.model], ['stop', model]);
    assert.deepEqual([whole.usage.prompt_tokens, whole.usage.prompt_tokens_details.cached_tokens], [42, 32]);
    const chunks = [];
    for await (const chunk of await ask({ stream: true, stream_options: { include_usage: true } })) chunks.push(chunk);
    assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), 'Good evening.');
    assert.deepEqual([chunks.at(-1).choices, chunks.at(-1).usage.total_tokens], [[], 44]);
    assert.equal(chunks.at(-2).choices[0].finish_reason, 'stop');
    assert.equal((await ask({ stop: ['END'] })).choices[0].message.content, 'one ');
    assert.equal(await said(ask({ stop: 'END', stream: true })), 'one ');
  },

  async errors() {
    const bad = new OpenAI({ baseURL: url, apiKey: 'gr_nonsense' });
    let error = await raised(OpenAI.AuthenticationError, () => bad.models.list());
    assert.deepEqual([error.code, error.status], ['invalid_api_key', 401]);
    error = await raised(OpenAI.NotFoundError, () => ask({ model: 'gpt-4' }));
    assert.deepEqual([error.code, error.param], ['model_not_found', 'model']);
    await raised(OpenAI.NotFoundError, () => client.models.retrieve('character/nobody'));
    const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
    error = await raised(OpenAI.BadRequestError, () => ask({ tools }));
    assert.deepEqual([error.param, error.type], ['tools', 'invalid_request_error']);
    // The first answer fails and is asked for again by the library itself: it counts once.
    assert.equal((await ask()).choices[0].message.content, 'Hello.');
    error = await raised(OpenAI.RateLimitError, () => ask());
    assert.equal(error.code, 'insufficient_quota');
  },

  async broken() {
    let heard = '';
    const error = await raised(OpenAI.APIError, async () => {
      for await (const chunk of await ask({ stream: true })) heard += chunk.choices[0].delta.content ?? '';
    });
    assert.deepEqual([heard, error.code], ['Once upon ', 'interrupted']);
  },

  async leave() {
    const stream = await ask({ stream: true });
    for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
    stream.controller.abort();
    console.log('left');
    await once(process.stdin, 'data');
  },

  async two() {
    const word = 'word '.repeat(50);
    assert.deepEqual(await Promise.all([said(ask({ stream: true })), said(ask({ stream: true }))]), [word, word]);
  },

  async picture() {
    const look = (url, more = {}) => {
      const content = [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url, detail: 'low' } }];
      return ask({ messages: [{ role: 'user', content }], ...more });
    };
    assert.equal((await look(given.picture)).choices[0].message.content, 'A boat.');
    assert.equal(await said(look(given.picture, { stream: true })), 'A boat.');
    let error = await raised(OpenAI.BadRequestError, () => look('data:image/png;base64,!'));
    assert.deepEqual([error.code, error.param], ['invalid_base64_image', 'messages[0].content[1].image_url.url']);
    error = await raised(OpenAI.BadRequestError, () => look('data:image/png;base64,aGVsbG8='));
    assert.deepEqual([error.code, error.type], ['invalid_image_format', 'invalid_request_error']);
  },

  async room() {
    const metadata = { conversation_id: given.conversation };
    const options = { idempotencyKey: 'javascript-1', headers: { 'Idempotency-Key': 'javascript-1' } };
    const first = await ask({ metadata }, options);
    assert.equal(first.choices[0].message.content, 'Good evening.');
    assert.equal(first.metadata.conversation_id, given.conversation);
    const again = await ask({ metadata }, options);
    assert.deepEqual([again.id, again.metadata], [first.id, first.metadata]);
    assert.equal(await said(ask({ metadata, stream: true })), 'Well then.');
  },
};

await scenarios[process.argv[2]]();
console.log('done');
process.exit(0);
