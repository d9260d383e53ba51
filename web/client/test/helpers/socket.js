/** @import { WebSocketLike } from "../../types/index.js" */

/**
 * A WebSocket whose other end is the test.
 * @implements {WebSocketLike}
 */
export class FakeSocket {
  protocol = "";
  readyState = 0;
  bufferedAmount = 0;
  binaryType = "blob";
  /** @type {((event: any) => void) | null} */
  onopen = null;
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onerror = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;
  /** @type {any[]} What the client sent. */
  sent = [];
  /** Whether the client has parted with it. */
  ended = false;

  /**
   * @param {string} url
   * @param {string[]} protocols
   */
  constructor(url, protocols) {
    this.url = new URL(url);
    this.protocols = protocols;
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.ended = true;
    this.readyState = 2;
  }

  /** The handshake succeeds. */
  open(protocol = "opshub.v1") {
    this.protocol = protocol;
    this.readyState = 1;
    this.onopen?.({});
  }

  /**
   * A message arrives: text as it is, everything else as JSON.
   * @param {unknown} message
   */
  receive(message) {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  /**
   * The connection ends.
   * @param {number} code
   */
  end(code, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** The handshake fails, as the package `ws` tells it. @param {string} message */
  reject(message) {
    this.onerror?.({ message });
    this.end(1006);
  }
}

/** Makes the sockets of one client, and keeps them. */
export function fakeSockets() {
  /** @type {FakeSocket[]} */
  const sockets = [];
  return {
    sockets,
    WebSocket: class extends FakeSocket {
      /**
       * @param {string} url
       * @param {string[]} protocols
       */
      constructor(url, protocols) {
        super(url, protocols);
        sockets.push(this);
      }
    },
    /** The newest one. */
    get last() {
      return sockets[sockets.length - 1];
    },
    /** How many the client has not parted with, and nobody has closed. */
    get open() {
      return sockets.filter((socket) => !socket.ended && socket.readyState < 2).length;
    },
  };
}
