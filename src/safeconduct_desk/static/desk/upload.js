// The form works without this file. With it, a file is sent in pieces and goes on where it stopped.
(() => {
  "use strict";
  const form = document.getElementById("upload");
  if (!form || !window.fetch || !Blob.prototype.arrayBuffer) return;
  const said = form.dataset, box = document.getElementById("upload-progress");
  const bar = box.querySelector("progress"), line = box.querySelector("p"), button = box.querySelector("button");
  const PIECE = Number(said.piece);
  let paused = false, running = false;

  // SHA-256 (FIPS 180-4) that goes on from piece to piece: the browser's own needs the whole file in memory.
  const K = new Int32Array(64), START = new Uint32Array(8);
  for (let n = 2, found = 0; found < 64; n += 1) {
    let prime = true;
    for (let d = 2; d * d <= n; d += 1) if (n % d === 0) { prime = false; break; }
    if (!prime) continue;
    const part = (root) => Math.floor((root - Math.floor(root)) * 4294967296);
    if (found < 8) START[found] = part(Math.sqrt(n));
    K[found] = part(Math.cbrt(n));
    found += 1;
  }
  class Digest {
    constructor() { this.h = START.slice(); this.w = new Int32Array(64); this.rest = new Uint8Array(0); this.size = 0; }
    block(data, at) {
      const w = this.w, h = this.h;
      for (let i = 0; i < 16; i += 1, at += 4) w[i] = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3];
      for (let i = 16; i < 64; i += 1) {
        const x = w[i - 15], y = w[i - 2];
        w[i] = (w[i - 16] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + w[i - 7] + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10)) | 0;
      }
      let a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], z = h[7];
      for (let i = 0; i < 64; i += 1) {
        const one = (z + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[i] + w[i]) | 0;
        const two = (((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c)) | 0;
        z = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
      }
      h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += z;
    }
    add(data) {
      this.size += data.length;
      let all = data;
      if (this.rest.length) { all = new Uint8Array(this.rest.length + data.length); all.set(this.rest); all.set(data, this.rest.length); }
      let at = 0;
      for (; at + 64 <= all.length; at += 64) this.block(all, at);
      this.rest = all.slice(at);
    }
    base64() {
      const end = new Uint8Array(this.rest.length < 56 ? 64 : 128), bits = this.size * 8;
      end.set(this.rest);
      end[this.rest.length] = 128;
      const view = new DataView(end.buffer);
      view.setUint32(end.length - 8, Math.floor(bits / 4294967296));
      view.setUint32(end.length - 4, bits >>> 0);
      const kept = this.h.slice();
      for (let at = 0; at < end.length; at += 64) this.block(end, at);
      const out = new DataView(new ArrayBuffer(32));
      this.h.forEach((word, i) => out.setUint32(4 * i, word));
      this.h = kept;
      return btoa(String.fromCharCode(...new Uint8Array(out.buffer)));
    }
  }
  window.deskDigest = Digest;

  const size = (bytes) => {
    const unit = Math.min(3, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
    return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: ["byte", "kilobyte", "megabyte", "gigabyte"][unit], maximumFractionDigits: 1 }).format(bytes / 1024 ** unit);
  };
  let lately = 0;
  const show = (words, at, of, now) => {
    bar.max = of || 1;
    bar.value = at;
    if (!now && Date.now() - lately < 2000) return; // a screen reader must not read every piece
    lately = Date.now();
    line.textContent = words.replace("%s", size(at)).replace("%s", size(of));
  };
  const wait = (seconds) => new Promise((done) => {
    const timer = setTimeout(done, seconds * 1000);
    addEventListener("online", () => { clearTimeout(timer); done(); }, { once: true });
  });
  const stop = (words) => { running = false; box.hidden = true; form.hidden = false; const place = document.getElementById("file"); place.setCustomValidity(words); place.reportValidity(); };
  const bytes = async (file, from, to) => new Uint8Array(await file.slice(from, to).arrayBuffer());
  const caught = async (file, digest, to) => {
    while (digest.size < to) {
      digest.add(await bytes(file, digest.size, Math.min(to, digest.size + PIECE)));
      show(said.sayHashing, digest.size, to);
    }
  };
  const sum = async (data) => crypto.subtle ? btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", data)))) : "";

  const asked = async () => {
    const answer = await fetch(said.bytes, { method: "HEAD", credentials: "same-origin", redirect: "error", cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    return { at: Number(answer.headers.get("Upload-Offset")), length: Number(answer.headers.get("Upload-Length") || 0) };
  };
  const sent = async (file, at, digest) => {
    const data = await bytes(file, at, Math.min(file.size, at + PIECE));
    if (digest.size === at) digest.add(data);
    const headers = {
      "Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0", "Upload-Offset": String(at),
      "Upload-Length": String(file.size), "Upload-Name": encodeURIComponent(file.name),
      "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
    };
    const check = await sum(data);
    if (check) headers["Upload-Checksum"] = `sha256 ${check}`;
    if (at + data.length === file.size) headers["Repr-Digest"] = `sha-256=:${digest.base64()}:`;
    return fetch(said.bytes, { method: "PATCH", headers, body: data, credentials: "same-origin", redirect: "error" });
  };

  const send = async (file) => {
    let digest = new Digest(), tries = 0, at = null;
    while (!paused) {
      try {
        if (at === null) {
          const here = await asked();
          if (here.length && here.length !== file.size) return stop(said.sayOther);
          at = here.at;
        }
        if (digest.size > at) digest = new Digest();
        await caught(file, digest, at);
        show(said.saySending, at, file.size);
        const answer = await sent(file, at, digest);
        if (answer.headers.get("Location")) { show(said.sayDone, 1, 1, true); location.assign(said.next); return; }
        if (answer.status === 460) show(said.sayChanged, at, file.size, true);
        else if (answer.status === 400 || answer.status === 404 || answer.status === 413 || answer.status === 403) {
          return stop(await answer.json().then((why) => why.title, () => `${answer.status}`));
        } else if (answer.status === 409) {
          const why = await answer.json();
          if (why.next) { location.assign(why.next); return; }
        } else if (!answer.ok) throw new Error(answer.status);
        at = Number(answer.headers.get("Upload-Offset"));
        tries = 0;
      } catch (error) {
        at = null;
        tries += 1;
        show(said.sayWaiting, bar.value, bar.max, true);
        await wait(Math.min(60, 2 ** tries));
      }
    }
    running = false;
  };

  const go = () => {
    const file = form.elements.file.files[0];
    if (!file || running) return;
    if (file.size > Number(said.most)) return stop(said.sayLarge);
    form.hidden = true;
    box.hidden = false;
    paused = false;
    running = true;
    button.textContent = said.sayStop;
    send(file);
  };
  form.elements.file.addEventListener("change", (event) => event.target.setCustomValidity(""));
  form.addEventListener("submit", (event) => { event.preventDefault(); go(); });
  button.addEventListener("click", () => {
    if (!paused) { paused = true; button.textContent = said.sayGo; return; }
    if (running) { paused = false; button.textContent = said.sayStop; } else go();
  });
})();
