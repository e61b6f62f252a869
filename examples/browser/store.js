/** What was learned, kept on this device: one record in IndexedDB. */
const KEY = "symbol";

/** Runs `action` on the object store; resolves with the result once it is on disk. */
async function withStore(mode, action) {
  const opening = indexedDB.open("octavo-digits", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("learned");
  const database = await done(opening);
  try {
    const transaction = database.transaction("learned", mode), request = action(transaction.objectStore("learned"));
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    return request.result;
  } finally {
    database.close();
  }
}

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** @returns {Promise<{ name: string, delta: Uint8Array } | undefined>} */
export const recall = () => withStore("readonly", (store) => store.get(KEY));
export const remember = (record) => withStore("readwrite", (store) => store.put(record, KEY));
export const forget = () => withStore("readwrite", (store) => store.delete(KEY));
