/**
 * The nouns of the page, as the hub sends them.
 *
 * @typedef {{ id: string, title?: string, status?: string, due?: string, start?: string, end?: string, [field: string]: unknown }} Item
 * @typedef {{ status: string, progress: number, last_sync: string | null }} System
 * @typedef {{ id: string, target: string | null, title: string, body: string, created_at: string }} Brief
 * @typedef {{ gateway_type?: string, status: string, since?: string | null, message?: string | null, metadata?: unknown }} Gateway
 * @typedef {{
 *   system: System, calendar: Item[], priorities: Item[], commitments: { owe: Item[], owed: Item[] },
 *   active_brief: Brief | null, gateways: Record<string, Gateway>,
 * }} State
 *
 * @typedef {{ op: string, path: string, from?: string, value?: unknown }} Operation
 * @typedef {{ type: string, timestamp: string, data: any, seq?: number, actor?: string, patch?: Operation[] }} Frame
 *
 * @typedef {{ seq: number, at: number, type: string, actor: string, summary: string, needle: string }} EventRecord
 *   One line of the activity: what is kept of an event that is not being looked at.
 *
 * @typedef {{ first_seq: number, last_seq: number, next: number | null, events: Frame[] }} EventsPage
 *
 * @typedef {{ kind: "connecting" | "live" | "reconnecting" | "offline" | "refused" | "closed",
 *   since?: number, attempt?: number, retryAt?: number, reason?: string, code?: number | string }} Status
 * @typedef {{ latencyMs: number | null, verified: "unknown" | "verified" | "mismatch", mismatches: number,
 *   behind: number, asOf: number | null, hubTime?: number | null, sessionId?: string | null, clientCount?: number | null }} Health
 *
 * @typedef {{ action: string, target: string | null, success: boolean, applied: boolean, message: string, seq: number | null }} CommandResult
 * @typedef {{
 *   readonly state: any, readonly seq: number | null, readonly epoch: string | null,
 *   readonly status: any, readonly health: any,
 *   on(type: string, handler: (value: any) => void): () => void,
 *   command(text: string, options?: { signal?: AbortSignal, idempotencyKey?: string }): Promise<any>,
 *   receive(topics: import("../../client/types/index.js").Topic[], options?: import("../../client/types/index.js").ReceiveOptions): () => void,
 *   reconnect(): void, close(): void,
 * }} Hub
 */

export {};
