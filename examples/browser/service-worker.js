/** Keeps the page's few files, so that it opens without a network. */
const CACHE = "octavo-digits-2", FILES = ["./", "index.html", "style.css", "main.js", "prepare.js", "lesson.js", "learn.js", "store.js", "octavo.js", "octavo-train.js", "digits.js", "digits.octavo", "icon.svg"];

self.addEventListener("install", (event) => event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** Fresh from the network where there is one, else from the cache. */
self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  event.respondWith(fetch(event.request).then(async (response) => {
    if (response.ok) await (await caches.open(CACHE)).put(event.request, response.clone());
    return response;
  }).catch(() => caches.match(event.request, { ignoreSearch: true })));
});
