/** @import { TestContext } from "node:test" */
/** @import { Server } from "node:http" */

import { createServer } from "node:http";

/** A service that a hub watches: it runs and stops as a test says, always on one port. */
export class Service {
  /** @type {Server | null} */
  #server = null;
  #port = 0;

  /** Starts a service that ends with the test. @param {TestContext} t */
  static async start(t) {
    const service = new Service();
    await service.run();
    t.after(() => service.stop());
    return service;
  }

  /** Where it answers. */
  get url() {
    return `http://127.0.0.1:${this.#port}/`;
  }

  async run() {
    if (this.#server) return;
    const server = createServer((request, response) => {
      this.asked(request.url ?? "");
      response.end("at your service");
    });
    this.#server = server;
    /** @type {Promise<void>} */
    const listening = new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    await listening;
    const address = server.address();
    if (address && typeof address === "object") this.#port = address.port;
  }

  /** Ends it, with every connection. */
  async stop() {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    /** @type {Promise<void>} */
    const closed = new Promise((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  /** What is done when it is asked for a path. @param {string} _path */
  asked(_path) {}
}
