import { Component, h } from "../../vendor/preact.js";

/**
 * Makes a component that is drawn again only when one of its nouns is another one.
 *
 * @template {object} P
 * @param {(props: P) => import("../../vendor/preact.js").Renderable} view
 */
export function memo(view) {
  return class extends Component {
    /** @param {any} next @override */
    shouldComponentUpdate(next) {
      const known = /** @type {any} */ (this.props);
      for (const name in next) if (next[name] !== known[name]) return true;
      for (const name in known) if (!(name in next)) return true;
      return false;
    }

    /** @override */
    render() {
      return h(view, this.props);
    }
  };
}
