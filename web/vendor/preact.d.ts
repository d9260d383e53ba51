// The types of what preact.js exports, as far as the page uses them.

/** A piece of what is to be shown. */
export interface VNode {
  type: unknown;
  props: Record<string, any>;
  key: unknown;
}

/** What a component may return. */
export type Renderable = VNode | string | number | bigint | boolean | null | undefined | Renderable[];

/** Makes a piece of what is to be shown. */
export function h(type: unknown, props: object | null, ...children: unknown[]): VNode;

/** Makes pieces of what is to be shown from a template; every string in it is text. */
export function html(strings: TemplateStringsArray, ...values: unknown[]): VNode;

/** Shows a piece in an element. */
export function render(what: Renderable, parent: Element | DocumentFragment): void;

/** A component with its own life cycle. */
export class Component<P = {}, S = {}> {
  constructor(props: P);
  props: P;
  state: S;
  render(props: P, state: S): Renderable;
  shouldComponentUpdate?(props: P, state: S): boolean;
  setState(partial: Partial<S>): void;
}

/** Pieces side by side. */
export function Fragment(props: { children?: unknown }): VNode;

/** A value that reaches components below without being handed through. */
export interface Context<T> {
  Provider: (props: { value: T; children?: unknown }) => VNode;
}
export function createContext<T>(initial: T): Context<T>;

export interface Ref<T> {
  current: T;
}
type Effect = () => void | (() => void);
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((previous: T) => T)) => void];
export function useEffect(effect: Effect, inputs?: readonly unknown[]): void;
export function useLayoutEffect(effect: Effect, inputs?: readonly unknown[]): void;
export function useRef<T>(initial: T): Ref<T>;
export function useMemo<T>(make: () => T, inputs: readonly unknown[]): T;
export function useCallback<T extends (...args: any[]) => any>(callback: T, inputs: readonly unknown[]): T;
export function useContext<T>(context: Context<T>): T;
export function useId(): string;
export function useErrorBoundary(callback?: (error: unknown) => void): [unknown, () => void];

/** A value whose readers are told of changes. */
export class Signal<T = any> {
  constructor(value: T);
  value: T;
  peek(): T;
  subscribe(handler: (value: T) => void): () => void;
}
export interface ReadonlySignal<T = any> {
  readonly value: T;
  peek(): T;
  subscribe(handler: (value: T) => void): () => void;
}
export function signal<T>(value: T): Signal<T>;
export function computed<T>(compute: () => T): ReadonlySignal<T>;
export function effect(run: Effect): () => void;
export function batch<T>(run: () => T): T;
export function untracked<T>(run: () => T): T;
export function useSignal<T>(initial: T): Signal<T>;
export function useComputed<T>(compute: () => T): ReadonlySignal<T>;
export function useSignalEffect(run: Effect): void;
