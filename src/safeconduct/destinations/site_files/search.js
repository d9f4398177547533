// Search over the data files beside this page.  Nothing is sent anywhere; results are made of text nodes only.
"use strict";
(() => {
  const form = document.getElementById("search");
  const box = document.getElementById("words");
  const said = document.getElementById("said");
  const list = document.getElementById("results");
  const more = document.getElementById("more");
  const buckets = Number(form.dataset.buckets);
  const shardSize = Number(form.dataset.shard);
  const pageSize = 20;
  const spaceless = "\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff" +
    "\\uf900-\\ufaff\\u{20000}-\\u{3ffff}";
  const pieces = new RegExp(`[${spaceless}]+|(?:(?![${spaceless}])[\\p{L}\\p{N}_])+`, "gu");
  const isSpaceless = new RegExp(`[${spaceless}]`, "u");
  const files = new Map();
  const waiting = new Map();
  let turn = 0;
  let found = [];
  let shown = 0;

  window.safeconduct = (kind, number, data) => {
    const settle = waiting.get(kind + number);
    if (settle) settle(data);
  };

  function load(kind, number) {
    const name = kind + number;
    if (!files.has(name)) {
      files.set(name, new Promise((done, failed) => {
        waiting.set(name, done);
        const script = document.createElement("script");
        script.src = `search/${name}.js`;
        script.addEventListener("error", () => { files.delete(name); failed(new Error(name)); });
        document.head.append(script);
      }));
    }
    return files.get(name);
  }

  // "term" matches whole or as the beginning of a word.
  function terms(text) {
    const plain = text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    const all = [];
    for (const piece of plain.match(pieces) || []) {
      const signs = Array.from(piece);
      if (!isSpaceless.test(piece)) all.push({ word: signs.slice(0, 40).join(""), whole: signs.length < 2 });
      else if (signs.length === 1) all.push({ word: piece, whole: true });
      else for (let at = 0; at + 1 < signs.length; at += 1) all.push({ word: signs[at] + signs[at + 1], whole: true });
    }
    return all;
  }

  function bucket(word) {
    let total = 0;
    for (const sign of Array.from(word).slice(0, 2)) total = (Math.imul(total, 31) + sign.codePointAt(0)) >>> 0;
    return total % buckets;
  }

  async function posts(term) {
    const numbers = new Set();
    for (const [word, distances] of await load("w", bucket(term.word))) {
      if (term.whole ? word !== term.word : !word.startsWith(term.word)) continue;
      let number = 0;
      for (const distance of distances) numbers.add(number += distance);
    }
    return numbers;
  }

  function result(entry) {
    const [page, anchor, date, text] = entry;
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `${page}#${anchor}`;
    link.textContent = date;
    const words = document.createElement("p");
    words.dir = "auto";
    words.textContent = text;
    item.append(link, words);
    return item;
  }

  async function show(mine) {
    const part = found.slice(shown, shown + pageSize);
    const made = [];
    for (const number of part) {
      const shard = await load("p", Math.floor(number / shardSize));
      made.push(result(shard[number % shardSize]));
    }
    if (mine !== turn) return;
    list.append(...made);
    shown += part.length;
    more.hidden = shown >= found.length;
  }

  async function search() {
    const mine = turn += 1;
    const wanted = terms(box.value);
    list.replaceChildren();
    more.hidden = true;
    found = [];
    shown = 0;
    if (!wanted.length) { said.textContent = ""; return; }
    try {
      const sets = await Promise.all(wanted.map(posts));
      if (mine !== turn) return;
      found = [...sets[0]].filter((number) => sets.every((set) => set.has(number))).sort((a, b) => a - b);
      said.textContent = found.length === 0 ? "No post has all of these words."
        : found.length === 1 ? "1 post has all of these words." : `${found.length} posts have all of these words, newest first.`;
      await show(mine);
    } catch {
      said.textContent = "A file of the search is missing. Was this folder copied as a whole?";
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    history.replaceState(null, "", "#q=" + encodeURIComponent(box.value));
    search();
  });
  more.addEventListener("click", () => show(turn));
  form.hidden = false;
  said.textContent = "";
  if (location.hash.startsWith("#q=")) {
    try { box.value = decodeURIComponent(location.hash.slice(3)); } catch { /* not ours */ }
    search();
  }
})();
