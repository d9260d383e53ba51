/** @import { Socket } from "node:net" */

import { connect, createServer } from "node:net";

/**
 * A network between a browser and a hub, that can fall silent without a word, as when a laptop leaves a room.
 */
export class Link {
  /** @type {Set<Socket>} */
  #sockets = new Set();
  #silent = false;
  #port = 0;

  #hub = { hostname: "", port: 0 };
  #server = createServer();

  /** Starts a link that leads nowhere yet: the hub has to know its address first. */
  static async start() {
    const link = new Link();
    const server = link.#server;
    server.on("connection", (near) => {
      const far = connect(link.#hub.port, link.#hub.hostname);
      link.#join(near, far);
      link.#join(far, near);
    });
    /** @type {Promise<void>} */
    const listening = new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    await listening;
    const address = server.address();
    if (!address || typeof address === "string") throw new Error("the link has no port");
    link.#port = address.port;
    return link;
  }

  /** Where it leads from now on. @param {string} url */
  lead(url) {
    const { hostname, port } = new URL(url);
    this.#hub = { hostname, port: Number(port) };
  }

  /** Closes every connection and itself. */
  end() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  /** Where the hub is seen. */
  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Nothing passes any more, and nothing is closed. */
  silence() {
    this.#silent = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Everything passes again, also what waited. */
  restore() {
    this.#silent = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** @param {Socket} from @param {Socket} to */
  #join(from, to) {
    this.#sockets.add(from);
    from.on("data", (bytes) => to.write(bytes));
    from.on("end", () => to.end());
    // The other end learns of it by its own close.
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    if (this.#silent) from.pause();
  }
}
