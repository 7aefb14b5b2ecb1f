// Keeps the page's own files, so that the page starts without its broker and says that the broker is away. Nothing
// else is kept: neither messages nor what the API answers. The build puts the version and the list of files here.
const CACHE = "tabmq-VERSION";
const FILES = [/* FILES */];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
});

// Comes when no page runs with the files of an older version any more.
self.addEventListener("activate", (event) => {
  const isOld = (name) => name.startsWith("tabmq-") && name !== CACHE;
  const cleaned = caches.keys().then((names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name))));
  event.waitUntil(cleaned.then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const base = new URL("./", self.location);
  if (request.method !== "GET" || url.origin !== base.origin || !url.pathname.startsWith(base.pathname)) return;
  const name = url.pathname.slice(base.pathname.length);
  if (name === "") {
    // The broker's own page, where it answers: it may be of another version. Its files have names by content.
    event.respondWith(fetch(request).catch(() => kept("./")));
  } else if (FILES.includes(name)) {
    event.respondWith(kept(name).then((response) => response ?? fetch(request)));
  }
});

async function kept(name) {
  const cache = await caches.open(CACHE);
  return cache.match(name);
}
