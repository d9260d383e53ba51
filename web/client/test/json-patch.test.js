import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";

import { applyPatch, PatchError } from "../src/json-patch.js";
import { deepEqual, shallowEqual, share } from "../src/sharing.js";

for (const file of ["tests.json", "spec_tests.json"]) {
  suite(`the public cases of ${file}`, () => {
    const text = readFileSync(new URL(`json-patch-tests/${file}`, import.meta.url), "utf8");
    const cases = JSON.parse(text).filter((/** @type {any} */ one) => one.patch && !one.disabled);
    assert.ok(cases.length > 15);
    cases.forEach((/** @type {any} */ { comment, doc, patch, expected, error }, /** @type {number} */ index) => {
      test(`${index}: ${comment ?? error}`, () => {
        const before = structuredClone({ doc, patch });
        if (error) {
          assert.throws(() => applyPatch(doc, patch), PatchError);
        } else {
          const result = applyPatch(doc, patch);
          if (expected !== undefined) assert.deepEqual(result, expected);
        }
        assert.deepEqual({ doc, patch }, before, "neither document nor patch is altered");
      });
    });
  });
}

test("what a patch does not touch keeps its identity", () => {
  const document = { a: { x: [1, 2] }, list: [{ id: "1", t: "a" }, { id: "2", t: "b" }], b: { y: 1 } };
  const result = applyPatch(document, [{ op: "replace", path: "/list/1/t", value: "c" }]);
  assert.equal(result.a, document.a);
  assert.equal(result.b, document.b);
  assert.equal(result.list[0], document.list[0]);
  assert.notEqual(result.list[1], document.list[1]);
  assert.notEqual(result.list, document.list);
  assert.equal(document.list[1].t, "b");
});

test("a list that is replaced as a whole keeps the items that are equal", () => {
  const document = { list: [{ id: "1", t: "a" }, { id: "2", t: "b" }] };
  const value = [{ id: "0", t: "n" }, { id: "2", t: "b" }, { id: "1", t: "a" }];
  const result = applyPatch(document, [{ op: "replace", path: "/list", value }]);
  assert.deepEqual(result.list, value);
  assert.equal(result.list[1], document.list[1]);
  assert.equal(result.list[2], document.list[0]);
});

test("a value that a patch brings is not altered by a later operation of it", () => {
  const value = { n: 1 };
  const patch = [{ op: "add", path: "/a", value }, { op: "add", path: "/a/m", value: 2 }];
  assert.deepEqual(applyPatch({}, patch), { a: { n: 1, m: 2 } });
  assert.deepEqual(value, { n: 1 });
});

test("a copied value and its origin go their own ways", () => {
  const patch = [
    { op: "add", path: "/a/list", value: [] },
    { op: "copy", from: "/a", path: "/b" },
    { op: "add", path: "/a/list/-", value: 1 },
    { op: "add", path: "/b/list/-", value: 2 },
  ];
  assert.deepEqual(applyPatch({ a: {} }, patch), { a: { list: [1] }, b: { list: [2] } });
});

test("a patch is applied as a whole or not at all", () => {
  const document = { a: 1, list: [1] };
  const patch = [{ op: "replace", path: "/a", value: 2 }, { op: "remove", path: "/list/4" }];
  assert.throws(() => applyPatch(document, patch), { index: 1 });
  assert.deepEqual(document, { a: 1, list: [1] });
});

test("a patch reaches nothing beyond the document", () => {
  const paths = ["/__proto__/x", "/a/__proto__/x", "/__proto__", "/constructor/prototype/x", "/a/constructor/x"];
  for (const path of paths) {
    assert.throws(() => applyPatch({ a: {} }, [{ op: "add", path, value: 1 }]), PatchError, path);
  }
  for (const from of ["/__proto__", "/constructor", "/list/constructor", "/list/length", "/text/0"]) {
    const document = { list: [1], text: "abc" };
    assert.throws(() => applyPatch(document, [{ op: "copy", from, path: "/b" }]), PatchError, from);
  }
  assert.equal(/** @type {any} */ ({}).x, undefined);
});

test("a member called __proto__ within a value is data like any other", () => {
  const value = JSON.parse('{"__proto__": {"admin": true}, "constructor": 1}');
  const result = applyPatch({ a: {}, b: 1 }, [
    { op: "add", path: "/a", value },
    { op: "add", path: "/a/c", value: 2 },
  ]);
  assert.equal(Object.getPrototypeOf(result.a), Object.prototype);
  assert.equal(/** @type {any} */ (result.a).admin, undefined);
  assert.equal(JSON.stringify(result.a), '{"__proto__":{"admin":true},"constructor":1,"c":2}');
  const again = applyPatch(result, [{ op: "replace", path: "/a", value: JSON.parse(JSON.stringify(result.a)) }]);
  assert.equal(again.a, result.a);
});

test("what is no operation is refused", () => {
  for (const operation of [null, 1, [], {}, { op: "add" }, { op: "add", path: 1, value: 1 }, { op: "add", path: "/a" }]) {
    assert.throws(() => applyPatch({}, [/** @type {any} */ (operation)]), PatchError);
  }
});

test("equality is that of JSON", () => {
  assert.ok(deepEqual({ a: [1, { b: null }], c: "x" }, { c: "x", a: [1, { b: null }] }));
  for (const [one, other] of [[0, false], ["", null], [[], {}], [{ a: undefined }, {}], [{ a: 1 }, { b: 1 }], [1, "1"]]) {
    assert.ok(!deepEqual(one, other), `${JSON.stringify(one)} ${JSON.stringify(other)}`);
  }
});

test("what is equal in all parts is shared as a whole", () => {
  const previous = { a: [1, { b: 2 }], c: { d: null } };
  assert.equal(share(previous, structuredClone(previous)), previous);
  const next = { a: [1, { b: 3 }], c: { d: null } };
  const shared = /** @type {any} */ (share(previous, next));
  assert.deepEqual(shared, next);
  assert.equal(shared.c, previous.c);
  assert.deepEqual(share([1, 2], [1]), [1]);
  assert.deepEqual(share({ a: 1 }, [1]), [1]);
});

test("only arrays and plain objects are compared member by member", () => {
  const item = {};
  assert.ok(shallowEqual([item, 1], [item, 1]));
  assert.ok(shallowEqual({ a: item }, { a: item }));
  assert.ok(shallowEqual(NaN, NaN));
  assert.ok(!shallowEqual([{}], [{}]));
  assert.ok(!shallowEqual([1], { 0: 1 }));
  assert.ok(!shallowEqual(new Map([[1, 2]]), new Map([[3, 4]])));
});
