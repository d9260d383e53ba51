import assert from "node:assert/strict";
import { test } from "node:test";

import { canHash, canonicalize, stateHash } from "../src/state-hash.js";
import { EMPTY } from "./helpers/client.js";

/** The number serialization samples of RFC 8785, appendix B. */
const NUMBERS = [
  ["0000000000000000", "0"],
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["8000000000000001", "-5e-324"],
  ["7fefffffffffffff", "1.7976931348623157e+308"],
  ["ffefffffffffffff", "-1.7976931348623157e+308"],
  ["4340000000000000", "9007199254740992"],
  ["c340000000000000", "-9007199254740992"],
  ["4430000000000000", "295147905179352830000"],
  ["44b52d02c7e14af5", "9.999999999999997e+22"],
  ["44b52d02c7e14af6", "1e+23"],
  ["44b52d02c7e14af7", "1.0000000000000001e+23"],
  ["444b1ae4d6e2ef4e", "999999999999999700000"],
  ["444b1ae4d6e2ef4f", "999999999999999900000"],
  ["444b1ae4d6e2ef50", "1e+21"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555553", "333333333.3333332"],
  ["41b3de4355555554", "333333333.33333325"],
  ["41b3de4355555555", "333333333.3333333"],
  ["41b3de4355555556", "333333333.3333334"],
  ["41b3de4355555557", "333333333.33333343"],
  ["becbf647612f3696", "-0.0000033333333333333333"],
  ["43143ff3c1cb0959", "1424953923781206.2"],
];

test("numbers are written as RFC 8785 shows", () => {
  for (const [bits, text] of NUMBERS) {
    const number = new DataView(Uint8Array.from(Buffer.from(bits, "hex")).buffer).getFloat64(0);
    assert.equal(canonicalize(number), text, bits);
  }
});

test("what is no JSON has no canonical form", () => {
  for (const value of [NaN, Infinity, undefined, () => {}]) assert.throws(() => canonicalize(value), TypeError);
});

test("members are sorted by UTF-16 code units, as RFC 8785 shows", () => {
  const value = JSON.parse(String.raw`{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
    "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}`);
  const names = Object.values(JSON.parse(canonicalize(value)));
  // Read back, "1" comes first as every integer-like member of an object does; the text has it second.
  assert.ok(canonicalize(value).startsWith(String.raw`{"\r":"Carriage Return","1":"One",`));
  assert.deepEqual(names.slice(2), [
    "Control",
    "Latin Small Letter O With Diaeresis",
    "Euro Sign",
    "Emoji: Grinning Face",
    "Hebrew Letter Dalet With Dagesh",
  ]);
});

test("strings and literals are written as RFC 8785 shows", () => {
  const value = JSON.parse(String.raw`{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}`);
  assert.equal(
    canonicalize(value),
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],` +
      String.raw`"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  );
});

test("a member called __proto__ is written as any other", () => {
  assert.equal(canonicalize(JSON.parse('{"b":1,"__proto__":{"a":2}}')), '{"__proto__":{"a":2},"b":1}');
});

test("the hash of the empty document is the hub's", async () => {
  assert.ok(canHash());
  assert.equal(await stateHash(EMPTY), "3fa729544dcf48e99201f12923a02f7fef0ba1251a3a9939324be59958333566");
});
