// Starts the page: see stages.rs and split.rs. The build puts names of files in the places of REST and FIRST.

const REST = "./REST";
const fileOf = (name) => new URL(name, import.meta.url);

// Shorter than wasm-bindgen's own: see split.rs.

function debugString(value) {
  if (value instanceof Error) return `${value.name}: ${value.message}\n${value.stack}`;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

function passStringToWasm0(text, malloc) {
  const bytes = cachedTextEncoder.encode(text);
  const start = malloc(bytes.length, 1) >>> 0;
  getUint8ArrayMemory0().set(bytes, start);
  WASM_VECTOR_LEN = bytes.length;
  return start;
}

// What only the rest takes from JavaScript, made of what it does, in words: see imports.rs.

const doing = {
  get: (it, member) => it[member],
  at: (it, _, place) => it[place],
  set: (it, member, value) => { it[member] = value; },
  call: (it, member, ...args) => it[member](...args),
  new: (it, member, ...args) => new it[member](...args),
  is: (it, member) => { try { return it instanceof globalThis[member]; } catch { return false; } },
};

const taking = {
  o: (next) => next(),
  t: (next) => getStringFromWasm0(next(), next()),
  T: (next) => {
    const start = next();
    const length = next();
    return start === 0 ? undefined : getStringFromWasm0(start, length);
  },
  b: (next) => getArrayU8FromWasm0(next(), next()),
  u: (next) => next() >>> 0,
  l: (next) => next() !== 0,
};

function does(description) {
  const [how, args, result, path, isKeeping] = description.split(" ");
  const [member, owner] = path.split(".").reverse();
  const act = (...values) => {
    const next = () => values.shift();
    const place = /t/i.test(result) && next() >>> 0;
    const given = [...args].map((kind) => taking[kind](next));
    if (owner !== undefined) given.unshift(owner ? globalThis[owner] : globalThis);
    const [it, ...others] = given;
    const value = doing[how](it, member, ...others);
    if (result === "o") return isLikeNone(value) ? 0 : addToExternrefTable0(value);
    if (result === "u") return isLikeNone(value) ? Number.MAX_SAFE_INTEGER : value >>> 0;
    if (result === "-") return value;
    const start = result === "T" && isLikeNone(value) ? 0 : passStringToWasm0(value, wasm.__wbindgen_malloc);
    getDataViewMemory0().setInt32(place + 4, WASM_VECTOR_LEN, true);
    getDataViewMemory0().setInt32(place, start, true);
  };
  return isKeeping ? (...values) => handleError(act, values) : act;
}

// The rest of the first module: everything that the first paint does without.

let isWhole = false;
let coming;
let partFiles;

function takeRest(module) {
  if (isWhole) return;
  const own = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from === "f") own[name] = wasm.t0.get(+name);
  }
  new WebAssembly.Instance(module, { ...imports, s: wasm, f: own });
  const [list] = WebAssembly.Module.customSections(module, "parts");
  partFiles = JSON.parse(new TextDecoder().decode(list));
  isWhole = true;
  coming ??= Promise.resolve();
  wasm.whole.value = 1;
}

function fetchRest() {
  coming ??= WebAssembly.compileStreaming(fetch(fileOf(REST))).then(takeRest);
  coming.catch(() => { coming = undefined; });
  return coming;
}

// A function of the rest is called before the rest has come: nothing can go on without it.
function fetchRestNow() {
  if (isWhole) return;
  performance.mark("tabmq-waits", { detail: new Error().stack });
  const request = new XMLHttpRequest();
  request.open("GET", fileOf(REST), false);
  request.overrideMimeType("text/plain; charset=x-user-defined");
  request.send();
  if (request.status !== 200) throw new Error(`cannot fetch ${REST}: ${request.status}`);
  takeRest(new WebAssembly.Module(Uint8Array.from(request.responseText, (letter) => letter.charCodeAt(0))));
}

// Parts that are loaded when they are first needed.

const files = new Map();

function fetchFile(name) {
  if (!files.has(name)) {
    const instance = WebAssembly.instantiateStreaming(fetch(fileOf(name)), { __wasm_split: wasm });
    instance.catch(() => files.delete(name));
    files.set(name, instance);
  }
  return files.get(name);
}

const part = (name) => async (callback, data) => {
  let isThere = true;
  try {
    await fetchRest();
    await Promise.all(partFiles[name].map(fetchFile));
  } catch (error) {
    // Not an error of the page: it says so, and tries again.
    console.warn(error);
    isThere = false;
  }
  wasm.t0.get(callback)(data, isThere);
};

// What index.html names for later: the style sheet of all that is not seen at first, the manifest.
const fetchLink = (link) => new Promise((resolve) => {
  link.onload = link.onerror = resolve;
  link.rel = link.dataset.rel;
  if (link.rel !== "stylesheet") resolve();
});

const imports = __wbg_get_imports();
imports["./__wasm_split.js"] = new Proxy({}, { get: (_, name) => part(name) });
imports.rest = { load: fetchRestNow };
imports.d = new Proxy({}, { get: (_, description) => does(description) });

addEventListener("tabmq-shown", async () => {
  performance.mark("tabmq-shown");
  // What is shown is painted first.
  await new Promise((resolve) => setTimeout(resolve));
  const links = [...document.querySelectorAll("link[data-rel]")].map(fetchLink);
  for (let pause_ms = 1000; ; pause_ms = Math.min(2 * pause_ms, 60000)) {
    try {
      await fetchRest();
      await Promise.all(links);
      break;
    } catch (error) {
      console.warn(error);
      await new Promise((resolve) => setTimeout(resolve, pause_ms));
    }
  }
  dispatchEvent(new Event("tabmq-whole"));
}, { once: true });

WebAssembly.instantiateStreaming(fetch(fileOf("./FIRST")), imports).then(({ instance, module }) => {
  __wbg_finalize_init(instance, module);
});
