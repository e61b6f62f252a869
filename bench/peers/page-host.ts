/** What the page gives to an engine. */
import type { Host } from "./contenders.ts";

export const at = (path: string): string => `${location.origin}/${path}`;
export const host: Host = {
  name: "chromium", packages: at("packages/"),
  async read(file) {
    const response = await fetch(at(`files/${file}`));
    if (!response.ok) throw new Error(`${file}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  },
  script: (path) => new Promise((done, failed) => {
    const element = Object.assign(document.createElement("script"), { src: at(`packages/${path}`), onload: done, onerror: () => failed(new Error(`no ${path}`)) });
    document.head.append(element);
  }),
};
