import { fileURLToPath } from "node:url";

/** The hub that is tested. */
export const BINARY = process.env.OPSHUB_BIN ?? fileURLToPath(new URL("../../../target/debug/opshub", import.meta.url));
