// @ts-check
/** @import { Entry, Store } from "./types.js" */

/** Keeps the outbox while the page lives. @implements {Store} */
export class MemoryStore {
  /** @type {Map<string, Entry>} */ #entries = new Map();

  /** @param {Entry} entry */
  async put(entry) {
    this.#entries.set(entry.cid, entry);
  }

  /** @param {string} cid */
  async remove(cid) {
    this.#entries.delete(cid);
  }

  async all() {
    return [...this.#entries.values()];
  }
}

/**
 * Keeps the outbox in IndexedDB: it survives the page, the tab and the browser. Rejects where there is none.
 * @implements {Store}
 */
export class IndexedStore {
  #name;
  /** @type {Promise<IDBDatabase>|undefined} */ #opening;

  /** @param {string} name of the database */
  constructor(name) {
    this.#name = name;
  }

  /** @param {Entry} entry */
  async put(entry) {
    await this.#run("readwrite", (entries) => entries.put(entry));
  }

  /** @param {string} cid */
  async remove(cid) {
    await this.#run("readwrite", (entries) => entries.delete(cid));
  }

  /** @returns {Promise<Entry[]>} */
  async all() {
    return this.#run("readonly", (entries) => entries.getAll());
  }

  /**
   * @param {IDBTransactionMode} mode
   * @param {(entries: IDBObjectStore) => IDBRequest} use
   * @returns {Promise<any>} the request's result, once the transaction is complete
   */
  async #run(mode, use) {
    this.#opening ??= this.#open();
    let database;
    try {
      database = await this.#opening;
    } catch (err) {
      this.#opening = undefined;
      throw err;
    }
    return new Promise((resolve, reject) => {
      const transaction = database.transaction("outbox", mode);
      const request = use(transaction.objectStore("outbox"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? new Error("the browser did not keep it"));
    });
  }

  /** @returns {Promise<IDBDatabase>} */
  #open() {
    return new Promise((resolve, reject) => {
      if (!globalThis.indexedDB) return reject(new Error("this browser has no IndexedDB"));
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore("outbox", { keyPath: "cid" });
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const database = request.result;
        // The browser closes it when its data is cleared: the next use opens it again.
        database.onclose = () => (this.#opening = undefined);
        database.onversionchange = () => database.close();
        resolve(database);
      };
    });
  }
}
